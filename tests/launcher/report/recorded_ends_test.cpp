#include "launcher/report/recorded_ends.h"

#include <fstream>

#include "launcher/rundir/run_dir.h"
#include "launcher/scheduler/job_history.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

constexpr int64_t kBegun_s = 1'697'000'000;

/// A run whose one attempt ran in job 27 and ended a minute later.
struct Run {
  TemporaryDirectory directory;
  explicit Run(std::optional<int> exit) {
    RunDir run(directory.path());
    std::string warning;
    run.begin_attempt("x.log", 4, kBegun_s, warning, "27.pbs");
    if (exit) run.end_attempt(*exit, 10, kBegun_s + 60);
  }
  /// What is told of a job that runs, as far as the scheduler knew `age_s` after the attempt began.
  KnownJob job(const std::string& id, int64_t age_s, int64_t started = kBegun_s, JobPhase phase = JobPhase::running) const {
    Job seen;
    seen.id = id;
    seen.phase = phase;
    seen.started = started;
    KnownJob known{{id, "pbs", "king", directory.path().string(), "2023-10-11T09:00:00Z", ""}, {}};
    known.seen.job = seen;
    known.seen.as_of = (kBegun_s + age_s) * 1000;
    return known;
  }
};

std::string told(KnownJob job) {
  KnownJobs known;
  known.jobs.push_back(std::move(job));
  believe_recorded_ends(known);
  return state_word(known.jobs[0].seen);
}

}  // namespace

TEST_CASE("a job whose attempt has written down its end is over, though its scheduler was last heard before that") {
  CHECK(told(Run(0).job("27.pbs", 50)) == "done");
  CHECK(told(Run(0).job("27.pbs", 70)) == "done");  // and PBS is still cleaning up
  CHECK(told(Run(75).job("27.pbs", 50)) == "stopped");
  CHECK(told(Run(137).job("27.pbs", 50)) == "failed");
  CHECK(told(Run(1).job("27.pbs", -5, kBegun_s, JobPhase::waiting)) == "failed");
}

TEST_CASE("a job that was done when it was cancelled is done") {
  const auto cancelled = [](int exit) {
    const Run run(exit);
    KnownJob job = run.job("27.pbs", 70, kBegun_s, JobPhase::ended);
    job.seen.job->end = JobEnd::cancelled;
    job.seen.job->exit_code = 0;  // as PBS says of both
    return told(job);
  };
  CHECK(cancelled(0) == "done");
  CHECK(cancelled(143) == "cancelled");
}

TEST_CASE("a job that is done by the scheduler alone, whose attempt never ended, was killed") {
  const Run run({});
  KnownJob job = run.job("27.pbs", 70, kBegun_s, JobPhase::ended);
  job.seen.job->end = JobEnd::done;
  job.seen.job->exit_code = 0;  // as PBS says of one that qdel reached while it began
  CHECK(told(job) == "failed");
  append_job(RunPaths(run.directory.path()).events(), job.queued);
  note_cancelled(RunPaths(run.directory.path()).events(), kBegun_s + 60);
  CHECK(told(job) == "cancelled");
  const RunDir it_runs(run.directory.path());  // holds the lock
  CHECK(told(job) == "done");
}

TEST_CASE("a cancelled job that no attempt was begun of never ran, though PBS tells a start and an exit of it") {
  const Run run(0);
  KnownJob job = run.job("28[2].pbs", 70, kBegun_s, JobPhase::ended);
  job.seen.job->end = JobEnd::failed;
  job.seen.job->exit_code = 1;
  CHECK(told(job) == "failed");
  append_job(RunPaths(run.directory.path()).events(), job.queued);
  note_cancelled(RunPaths(run.directory.path()).events(), kBegun_s + 60);
  KnownJobs known;
  known.jobs.push_back(job);
  believe_recorded_ends(known);
  CHECK(state_word(known.jobs[0].seen) == "cancelled");
  CHECK(!known.jobs[0].seen.job->started);
  CHECK(!known.jobs[0].seen.job->exit_code);
}

TEST_CASE("a job that was cancelled and then forgotten is cancelled, and one of before it was queued again is not") {
  const Run run({});
  KnownJob job = run.job("27.pbs", 70);
  job.seen.job.reset();
  job.seen.unknown = true;
  CHECK(told(job) == "unknown");
  append_job(RunPaths(run.directory.path()).events(), job.queued);
  note_cancelled(RunPaths(run.directory.path()).events(), kBegun_s + 60);
  CHECK(told(job) == "cancelled");
  append_job(RunPaths(run.directory.path()).events(), {"28.pbs", "pbs", "king", run.directory.path().string(), "2023-10-12T09:00:00Z", ""});
  CHECK(told(job) == "unknown");
}

TEST_CASE("a job that its scheduler has forgotten, or never told anything of, ended as its attempt wrote down") {
  const auto forgotten = [](std::optional<int> exit, bool was_seen, bool unknown) {
    const Run run(exit);
    KnownJob job = run.job("27.pbs", 50);
    if (!was_seen) job.seen.job.reset();
    job.seen.unknown = unknown;
    if (!unknown) job.seen.as_of = 0;
    return told(job);
  };
  for (const bool was_seen : {false, true}) {
    CHECK(forgotten(0, was_seen, true) == "done");
    CHECK(forgotten(75, was_seen, true) == "stopped");
    CHECK(forgotten(137, was_seen, true) == "failed");
    CHECK(forgotten(143, was_seen, true) == "unknown");  // told to stop: preempted, and perhaps put back
    CHECK(forgotten({}, was_seen, true) == "unknown");
  }
  CHECK(forgotten(0, false, false) == "done");
  CHECK(forgotten({}, false, false) == "unknown");
  const Run run(0);
  KnownJob other = run.job("28.pbs", 50);  // another job of the run
  other.seen.job.reset();
  other.seen.unknown = true;
  CHECK(told(other) == "unknown");
}

TEST_CASE("the scheduler's word stands of a job that goes on, may go on, or is another one") {
  CHECK(told(Run({}).job("27.pbs", 50)) == "running");
  CHECK(told(Run(0).job("28.pbs", 50)) == "running");
  CHECK(told(Run(143).job("27.pbs", 50)) == "running");
  CHECK(told(Run(1).job("27.pbs", 90, kBegun_s + 80)) == "running");  // put back, and started again
  CHECK(told(Run(1).job("27.pbs", 90, kBegun_s, JobPhase::waiting)) == "waiting");
  const Run damaged(0);
  std::ofstream(damaged.directory / "run.json") << "{";
  CHECK(told(damaged.job("27.pbs", 50)) == "running");
}
