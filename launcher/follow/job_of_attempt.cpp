#include "launcher/follow/job_of_attempt.h"

#include "launcher/rundir/log_name.h"

namespace llmrun {

bool may_have_run(const QueuedJob& queued, const Attempt& attempt) { return attempt.job.empty() || attempt.job == queued.id; }

bool was_put_back(const Job& job, int64_t as_of, const Attempt& attempt) {
  const int64_t over = seconds_of_utc(attempt.end.empty() ? attempt.start : attempt.end);
  if (as_of / 1000 <= over) return false;
  if (job.phase == JobPhase::waiting || job.phase == JobPhase::held) return true;
  return job.phase == JobPhase::running && job.started && *job.started > over;
}

bool is_past(const QueuedJob& queued, const Job& job, int64_t as_of, const Attempt& attempt) {
  if (!attempt.job.empty())
    return attempt.job == queued.id && attempt.exit != static_cast<int>(Exit::terminated) && !was_put_back(job, as_of, attempt);
  // A job that was queued in the second in which the attempt began may be the next one.
  return queued.submitted < attempt.start && job.started && *job.started <= seconds_of_utc(attempt.start);
}

bool is_newer(const QueuedJob& queued, const Sighting& seen, const Attempt& attempt) {
  if (attempt.job == queued.id) return seen.job && was_put_back(*seen.job, seen.as_of, attempt);
  return attempt.job.empty() ? queued.submitted > attempt.start : queued.submitted >= attempt.start;
}

}  // namespace llmrun
