#include "engine/core/json.h"
#include "tests/cli/submit_king.h"
#include "tests/support/killed_at_change.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

const std::string kServer = "export FAKE_PBS=\"$PWD/pbs\" PATH='" LLMRUN_SOURCE_DIR "/tests/fakes/pbs':$PATH; ";

/// Jobs that the server holds, elements of arrays apart.
int queued_jobs(const CommandLine& shell) {
  if (!std::filesystem::exists(shell.path("pbs/state.json"))) return 0;
  const json state = read_json_file(shell.path("pbs/state.json"));
  int jobs = 0;
  for (const auto& [id, job] : state.at("jobs").items()) jobs += job.contains("array_id") ? 0 : 1;
  return jobs;
}

std::vector<std::string> runs_in_status(const CommandLine& shell) {
  const Outcome status = on_polaris(shell, "llmrun status --json");
  REQUIRE_MESSAGE(status.exit == 0, status.err);
  const json known = json::parse(status.out);
  std::vector<std::string> runs;
  for (const json& job : known.at("jobs")) {
    CHECK(job.at("state") == "waiting");
    runs.push_back(job.at("run"));
  }
  std::sort(runs.begin(), runs.end());
  return runs;
}

/// What holds behind a submit that was killed, and the same one again.
void check_one_job(const CommandLine& shell, const std::string& words, const std::vector<std::string>& runs) {
  const Outcome again = on_polaris(shell, words);
  CAPTURE(again.err);
  CHECK((again.exit == 0 || (again.exit == 5 && again.err.find("is waiting") != std::string::npos)));
  CHECK(queued_jobs(shell) == 1);
  CHECK(runs_in_status(shell) == runs);
  for (const std::string& run : runs) {
    CAPTURE(run);
    CHECK(on_polaris(shell, "llmrun show --json '" + run + "'").exit == 0);
    if (run != "lrs")  // a sweep has none of its own
      CHECK(on_polaris(shell, "llmrun config check 'outputs/" + run + "/config.yaml'").exit == 0);
    CHECK(on_polaris(shell, "bash -n 'outputs/" + run + "/job.sh'").exit == 0);
  }
}

/// Kills it at everything that it does, one after another.
void kill_everywhere(const std::string& words, const std::vector<std::string>& runs) {
  int n = 0;
  for (bool killed = true; killed;) {
    ++n;
    CAPTURE(n);
    const CommandLine shell;
    std::filesystem::create_directory(shell.path("pbs"));
    killed = killed_at_change(shell.script(kServer + "exec " + words + "> said 2>&1"), LLMRUN_PROGRAM, n);
    check_one_job(shell, words, runs);
  }
  CHECK(n > 20);  // or it was killed nowhere
}

}  // namespace

TEST_CASE("Q1: a submit that is killed at anything it does, and the same submit again, leave one job") {
  kill_everywhere(kSubmitKing, {"king"});
}

TEST_CASE("Q1: a sweep that is killed at anything it does, and the same again, leave one array whose members are known") {
  kill_everywhere(kSubmitKing + "--set run.name=lrs --sweep optimizer.lr=1e-4,3e-4 ", {"lrs", "lrs/lr=1e-4", "lrs/lr=3e-4"});
}

TEST_CASE("Q1: a submit that is killed while its qsub waits for an answer that is lost leaves one job too") {
  const CommandLine shell;
  on_polaris(shell, "echo 'lost qsub' > pbs/fault");
  on_polaris(shell,
             kSubmitKing + "> said 2>&1 & submit=$!; until grep -q job_state pbs/state.json 2> said; do sleep 0.02; done; kill -9 $submit");
  shell.write("pbs/fault", "");
  CHECK(queued_jobs(shell) == 1);
  check_one_job(shell, kSubmitKing, {"king"});
}
