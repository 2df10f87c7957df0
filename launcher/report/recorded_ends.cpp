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

bool is_cancelled(const Job& job) { return job.phase == JobPhase::ended && job.end == JobEnd::cancelled; }

/// Whether the record knows better than the scheduler's last answer.
bool knows_better(const Attempt& attempt, const KnownJob& known) {
  if (!attempt.exit) return false;
  // PBS tells Exit_status 0 of many a job that qdel ended, so only the record knows one that was done before the word reached it.
  if (is_cancelled(*known.seen.job)) return attempt.exit == 0;
  return is_past(known.queued, *known.seen.job, known.seen.as_of, attempt);
}

bool may_be_corrected(const Sighting& seen) {
  return seen.job && ((!seen.unknown && seen.job->phase != JobPhase::ended) || is_cancelled(*seen.job));
}

}  // namespace

void believe_recorded_ends(KnownJobs& known) {
  for (KnownJob& job : known.jobs) {
    if (!may_be_corrected(job.seen)) continue;
    const std::optional<Attempt> attempt = last_attempt_in(job.queued);
    if (!attempt || !knows_better(*attempt, job)) continue;
    job.seen.job->phase = JobPhase::ended;
    job.seen.job->end = *attempt->exit == 0 ? JobEnd::done : JobEnd::failed;
    job.seen.job->exit_code = attempt->exit;
    job.seen.job->finished = seconds_of_utc(attempt->end);
    if (!job.seen.job->started) job.seen.job->started = seconds_of_utc(attempt->start);
  }
}

}  // namespace llmrun
