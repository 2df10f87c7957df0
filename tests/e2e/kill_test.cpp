#include "tests/support/tensor_test.h"
// torch first

#include <chrono>

#include "engine/core/run_paths.h"
#include "tests/e2e/golden_run.h"

using namespace llmrun;

// K1 of the promises: a rank that is killed ends the run soon, is named, and costs no more than the steps since the last checkpoint.
TEST_CASE("K1: a rank killed at any step is named, the run ends, and the same command goes on to the same end") {
  const Golden golden = read_golden("gpt2-tiny");
  std::map<std::string, std::vector<float>> clean;
  {
    const CommandLine shell;
    write_golden_yaml(shell, golden);
    REQUIRE(shell("llmrun train golden.yaml --ranks 4 --set parallel.tensor=2 --set parallel.pipeline=2").exit == 0);
    REQUIRE(shell("llmrun checkpoint export run --to hf").exit == 0);
    clean = read_tensors(shell.path("hf"));
  }
  struct Kill {
    const char* communicator;
    int rank;
    int step;
    const char* section;
  };
  for (const Kill& kill :
       {Kill{"mpi", 2, 7, "step"}, Kill{"tcp", 1, 1, "step"}, Kill{"tcp", 3, 10, "checkpoint"}, Kill{"mpi", 0, 23, "step"}}) {
    const CommandLine shell;
    write_golden_yaml(shell, golden, "checkpoint: {every_steps: 5}\n");
    const std::string words =
        fmt::format("llmrun train golden.yaml --ranks 4 --set parallel.tensor=2 --set parallel.pipeline=2 --set parallel.communicator={}",
                    kill.communicator);
    const auto begin = std::chrono::steady_clock::now();
    const Outcome killed =
        shell(fmt::format("LLMRUN_FAULT=kill9@rank={},step={},section={} {}", kill.rank, kill.step, kill.section, words));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(45));  // start included
    CHECK(killed.exit == 137);
    CHECK_MESSAGE(killed.err.find(fmt::format("rank {}", kill.rank)) != std::string::npos, killed.err);
    const std::string why = shell("llmrun explain run").out;
    CHECK_MESSAGE(why.find(fmt::format("rank {} on ", kill.rank)) != std::string::npos, why);
    CHECK_MESSAGE(why.find("was killed by signal 9 (SIGKILL)") != std::string::npos, why);

    const Outcome again = shell(words);
    CHECK_MESSAGE(again.exit == 0, again.err);
    CHECK(shell("llmrun checkpoint export run --to hf").exit == 0);
    CHECK_MESSAGE(read_tensors(shell.path("hf")) == clean, "killed rank ", kill.rank, " at step ", kill.step);
    CHECK(shell(words).exit == 0);  // finished: says so
  }
}
