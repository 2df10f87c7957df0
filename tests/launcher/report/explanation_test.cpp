#include "launcher/report/explanation.h"

#include "tests/support/test.h"

using namespace llmrun;

namespace {

KnownJob job_of(const std::string& id, const std::string& run, JobPhase phase, std::optional<JobEnd> end = {}) {
  KnownJob known{{id, "pbs", run, "/runs/" + run, "2023-10-11T09:00:00Z", ""}, {}};
  known.seen.job = Job{.id = id, .queue = "debug", .phase = phase, .end = end};
  return known;
}

/// Of a job that waits with `kind` for job 4 of 'first'.
Explanation of_waiting(const std::string& kind, const KnownJob& first) {
  ExplainedRun run;
  run.word = "second";
  run.history.name = "second";
  run.job = job_of("5.pbs", "second", JobPhase::held);
  run.job->seen.job->hold = JobHold::dependency;
  run.job->seen.job->depends = kind + ":4.pbs@pbs";
  run.waits_for = {first};
  return explain(run, 1'697'000'000);
}

}  // namespace

TEST_CASE("a job that waits for another says which run that is and how it stands, and where it ended so that this one never starts") {
  const Explanation open = of_waiting("afterok", job_of("4.pbs", "first", JobPhase::running));
  CHECK(open.facts.at(0) == "afterok job 4 of 'first', which is running");
  CHECK(open.remedy.empty());
  const KnownJob cancelled = job_of("4.pbs", "first", JobPhase::ended, JobEnd::cancelled);
  const KnownJob done = job_of("4.pbs", "first", JobPhase::ended, JobEnd::done);
  const auto never = [](const Explanation& told) { return told.meaning.starts_with("it never starts: it waits for 'first'"); };
  CHECK(never(of_waiting("afterok", cancelled)));
  CHECK(of_waiting("afterok", cancelled).remedy.starts_with("llmrun cancel second;"));
  CHECK(!never(of_waiting("afterany", cancelled)));
  CHECK(!never(of_waiting("afternotok", cancelled)));
  CHECK(never(of_waiting("afternotok", done)));
  CHECK(!never(of_waiting("afterok", done)));
}
