#include "launcher/report/recorded_ends.h"

#include <algorithm>

#include "engine/core/error.h"
#include "engine/core/run_paths.h"
#include "launcher/follow/job_of_attempt.h"
#include "launcher/rundir/log_name.h"

namespace llmrun {
namespace {

/// Nothing where the run's record holds none, or is damaged: one run must not hide what is known of the others.
std::optional<Attempt> last_attempt_in(const QueuedJob& queued) try {
  const std::vector<Attempt> attempts = read_record(RunPaths(queued.dir).record()).attempts;
  const auto own = std::find_if(attempts.rbegin(), attempts.rend(), [&](const Attempt& attempt) { return attempt.job == queued.id; });
  return own == attempts.rend() ? std::nullopt : std::optional(*own);
} catch (const Error&) {
  return std::nullopt;
}

bool goes_on(const Sighting& seen) { return seen.job && !seen.unknown && seen.job->phase != JobPhase::ended; }

}  // namespace

void believe_recorded_ends(KnownJobs& known) {
  for (KnownJob& job : known.jobs) {
    if (!goes_on(job.seen)) continue;
    const std::optional<Attempt> attempt = last_attempt_in(job.queued);
    if (!attempt || !attempt->exit || !is_past(job.queued, *job.seen.job, job.seen.as_of, *attempt)) continue;
    job.seen.job->phase = JobPhase::ended;
    job.seen.job->end = *attempt->exit == 0 ? JobEnd::done : JobEnd::failed;
    job.seen.job->exit_code = attempt->exit;
    job.seen.job->finished = seconds_of_utc(attempt->end);
    if (!job.seen.job->started) job.seen.job->started = seconds_of_utc(attempt->start);
  }
}

}  // namespace llmrun
