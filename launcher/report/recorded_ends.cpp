#include "launcher/report/recorded_ends.h"

#include <algorithm>

#include "engine/core/error.h"
#include "engine/core/run_paths.h"
#include "launcher/follow/job_of_attempt.h"
#include "launcher/rundir/lock.h"
#include "launcher/rundir/log_name.h"
#include "launcher/scheduler/job_history.h"

namespace llmrun {
namespace {

constexpr size_t kMostLookedInto = 64;  // directories of ended runs: a parallel file system takes its time for each

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

/// Whether a person took it back; not one of the past, before the run was queued again.
bool was_cancelled(const QueuedJob& queued) {
  const JobHistory history = read_job_history(RunPaths(queued.dir).events());
  return history.cancelled && !history.jobs.empty() && history.jobs.back().id == queued.id;
}

bool was_killed(const KnownJob& known) {
  const Job& job = *known.seen.job;
  if (job.phase != JobPhase::ended || job.end != JobEnd::done) return false;
  const std::optional<Attempt> attempt = last_attempt_in(known.queued);
  return attempt && !attempt->exit && !is_locked(RunPaths(known.queued.dir).lock());
}

/// Cancelled before its first command, whatever start and exit the scheduler tells.
bool never_began(const KnownJob& known) {
  const Job& job = *known.seen.job;
  return job.phase == JobPhase::ended && job.end != JobEnd::done && !last_attempt_in(known.queued) && was_cancelled(known.queued);
}

/// REQUIRES an attempt that has ended.
void end_as_recorded(Job& job, const Attempt& attempt) {
  job.phase = JobPhase::ended;
  job.end = *attempt.exit == 0 ? JobEnd::done : JobEnd::failed;
  job.exit_code = attempt.exit;
  job.finished = seconds_of_utc(attempt.end);
  if (!job.started) job.started = seconds_of_utc(attempt.start);
}

/// Of a job that nobody else tells anything of any more. Not one that was told to stop: it may have been put back since.
void tell_recorded_end(KnownJob& known) {
  const std::optional<Attempt> attempt = last_attempt_in(known.queued);
  if (!attempt || !attempt->exit || attempt->exit == static_cast<int>(Exit::terminated)) return;
  if (!known.seen.job) known.seen.job = Job{.id = known.queued.id, .name = known.queued.run};
  known.seen.unknown = false;
  end_as_recorded(*known.seen.job, *attempt);
}

/// What the scheduler says of an end, or does not say, although the run's directory knows better.
void mend_end(KnownJob& known) {
  if (known.seen.unknown && was_cancelled(known.queued)) {
    known.seen.unknown = false;
    known.seen.job = Job{.id = known.queued.id, .name = known.queued.run, .phase = JobPhase::ended, .end = JobEnd::cancelled};
  } else if (known.seen.unknown || !known.seen.job) {
    tell_recorded_end(known);
  } else if (was_killed(known)) {
    known.seen.job->end = was_cancelled(known.queued) ? JobEnd::cancelled : JobEnd::failed;
    known.seen.job->exit_code.reset();
  } else if (never_began(known)) {
    known.seen.job->end = JobEnd::cancelled;
    known.seen.job->exit_code.reset();
    known.seen.job->started.reset();
  }
}

}  // namespace

void believe_recorded_ends(KnownJobs& known) {
  const size_t newest = known.jobs.size() - std::min(known.jobs.size(), kMostLookedInto);
  for (size_t i = 0; i < known.jobs.size(); ++i) {
    KnownJob& job = known.jobs[i];
    if (i >= newest) mend_end(job);
    if (!may_be_corrected(job.seen)) continue;
    const std::optional<Attempt> attempt = last_attempt_in(job.queued);
    if (!attempt || !knows_better(*attempt, job)) continue;
    end_as_recorded(*job.seen.job, *attempt);
  }
}

}  // namespace llmrun
