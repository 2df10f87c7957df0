#pragma once
#include <string>
#include <vector>

#include "launcher/process/variables.h"
#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/status_cache.h"

namespace llmrun {

/// A job that was queued, and what its scheduler says of it.
struct KnownJob {
  QueuedJob queued;
  Sighting seen;
};

struct KnownJobs {
  std::vector<KnownJob> jobs;  // in the order of the question
  std::string trouble;         // why a scheduler was not heard this time; empty: all were
  int64_t next_try = 0;        // with trouble: when it may be asked again, milliseconds since 1970
};

/// Through the shared answers (StatusCache): at most one question to each scheduler, of PBS to each server. One that does not answer is
/// `trouble`; throws its Error where nothing is known of any of the jobs: some are better than none.
KnownJobs look_at_jobs(const std::vector<QueuedJob>& jobs, const Variables& environment);

/// What is known without asking anybody.
KnownJobs recall_jobs(const std::vector<QueuedJob>& jobs, const Variables& environment);

/// A job was changed from here: the next look asks its scheduler.
void outdate_answers(const QueuedJob& job, const Variables& environment);

/// "waiting", "running", "done", ...; "unknown" where the scheduler does not know the job, and never told how it ended.
std::string state_word(const Sighting& seen);

}  // namespace llmrun
