#include "tests/cli/command.h"

#include "engine/core/json.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// llmrun on a Polaris login node, beside a PBS server that is a folder.
Outcome on_polaris(const CommandLine& shell, const std::string& words) {
  std::filesystem::create_directory(shell.path("pbs"));
  return shell("export FAKE_PBS=\"$PWD/pbs\" PATH='" LLMRUN_SOURCE_DIR "/tests/fakes/pbs':$PATH; " + words);
}

const std::string kSubmit =
    "llmrun submit --set machine=polaris --set model=gpt-1.5b --set run.steps=100 --set run.name=king --set job.nodes=2 --set "
    "parallel.tensor=8"
    " --set job.account=datascience --set job.walltime=1:00:00 --set job.queue=debug ";

}  // namespace

TEST_CASE("submit queues a job, status says why it waits, a second submit is refused, cancel takes it back") {
  const CommandLine shell;
  const Outcome queued = on_polaris(shell, kSubmit);
  CHECK(queued.exit == 0);
  CHECK(queued.out == "1.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov\n");
  CHECK(queued.err.find("llmrun status king\n") != std::string::npos);
  CHECK(shell.read("outputs/king/job.sh") == on_polaris(shell, kSubmit + "--dry-run").out);

  const Outcome status = on_polaris(shell, "llmrun status");
  CHECK(status.out.find("waiting  debug  2      -/01:00:00  1    king  Not Running: Not enough free nodes available\n") != std::string::npos);
  const Outcome again = on_polaris(shell, kSubmit);
  CHECK(again.exit == 5);
  CHECK(again.err.find("of run 'king' is waiting") != std::string::npos);
  CHECK(on_polaris(shell, "llmrun cancel 1").exit == 0);
  CHECK(on_polaris(shell, "llmrun status king").out.find("\ncancelled") != std::string::npos);
  CHECK(on_polaris(shell, kSubmit + "--json | head -4").out.find("\"job_id\": \"2.polaris-pbs-01") != std::string::npos);
}

TEST_CASE("submit --dry-run writes and asks nothing; --dry-run=server leaves no job") {
  const CommandLine shell;
  const Outcome script = on_polaris(shell, kSubmit + "--dry-run=client");
  CHECK(script.out.starts_with("#!/bin/bash\n#PBS -N king\n"));
  CHECK_FALSE(std::filesystem::exists(shell.path("outputs")));
  CHECK_FALSE(std::filesystem::exists(shell.path("pbs/state.json")));
  CHECK(on_polaris(shell, kSubmit + "--dry-run=server").exit == 0);
  CHECK(on_polaris(shell, "llmrun status --json").out.find("\"jobs\": []") != std::string::npos);
}

TEST_CASE("what a queue would refuse is told before the server is asked, and everything at once") {
  const CommandLine shell;
  const Outcome refused = on_polaris(shell, kSubmit + "--set job.nodes=20 --set job.walltime=2:00:00");
  CHECK(refused.exit == 5);
  CHECK(refused.err.find("queue 'debug' takes 1 to 2 nodes, not 20") != std::string::npos);
  CHECK(refused.err.find("queue 'debug' takes 00:05:00 to 01:00:00, not 02:00:00") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(shell.path("pbs/state.json")));
}

TEST_CASE("a server that is down is exit 6, and no word about the job") {
  const CommandLine shell;
  CHECK(on_polaris(shell, kSubmit).exit == 0);
  shell.write("pbs/fault", "down");
  const Outcome status = on_polaris(shell, "llmrun status");
  CHECK(status.exit == 6);
  CHECK(status.out.empty());
  CHECK(status.err.find("cannot connect to server") != std::string::npos);
}
