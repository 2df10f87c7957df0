#include "tests/support/tensor_test.h"
// torch first

#include <ctime>

#include "engine/core/run_paths.h"
#include "tests/e2e/golden_run.h"

using namespace llmrun;

// T1 of the promises: a run stops itself before its walltime, and nothing is lost.
TEST_CASE("T1: a run in a job stops its margin before the walltime with exit 75 and a checkpoint, and the next one ends bit-equal") {
  const Golden golden = read_golden("gpt2-tiny");
  const std::string words = "llmrun train golden.yaml --ranks 2 --set parallel.tensor=2 ";
  std::map<std::string, std::vector<float>> clean;
  {
    const CommandLine shell;
    write_golden_yaml(shell, golden);
    REQUIRE(shell(words).exit == 0);
    REQUIRE(shell("llmrun checkpoint export run --to hf").exit == 0);
    clean = read_tensors(shell.path("hf"));
  }
  const CommandLine shell;
  write_golden_yaml(shell, golden, "job: {walltime: 01:00:00, margin: 00:05:00}\n");
  const auto in_job_that_began = [&](int64_t seconds_ago) {
    return fmt::format("LLMRUN_STARTED_AT={} {}", std::time(nullptr) - seconds_ago, words);
  };
  const Outcome late = shell(in_job_that_began(3300));  // 55 of 60 minutes are over
  CHECK_MESSAGE(late.exit == 75, late.err);
  CHECK(late.err.find("before the walltime") != std::string::npos);
  CHECK(std::filesystem::exists(shell.path("run/checkpoints/step-00000001")));  // the step in hand is kept
  CHECK(shell(in_job_that_began(3300)).exit == 75);
  CHECK(read_metrics(shell.path("run")).size() == 2);

  const Outcome rest = shell(in_job_that_began(0));
  CHECK_MESSAGE(rest.exit == 0, rest.err);
  REQUIRE(shell("llmrun checkpoint export run --to hf").exit == 0);
  CHECK(read_tensors(shell.path("hf")) == clean);
}
