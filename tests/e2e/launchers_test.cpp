#include "tests/support/tensor_test.h"
// torch first

#include "engine/core/run_paths.h"
#include "launcher/rundir/record.h"
#include "tests/e2e/golden_run.h"
#include "tests/support/launchers.h"
#include "tests/support/processes.h"

using namespace llmrun;

namespace {

const std::string kFourRanks =
    "llmrun train golden.yaml --ranks 4 --set parallel.tensor=2 --set parallel.pipeline=2 --set machine.launcher=";

}  // namespace

TEST_CASE("the golden run comes out as plain PyTorch made it on 4 ranks of every launcher, in a shell that is full of another launch") {
  REQUIRE_MESSAGE(missing_launchers().empty(), missing_launchers());
  const Golden golden = read_golden("gpt2-tiny");
  for (const TestLauncher& launcher : test_launchers()) {
    CAPTURE(launcher.label);
    const CommandLine shell;
    write_golden_yaml(shell, golden);
    const Outcome outcome = shell(
        "RANK=7 WORLD_SIZE=64 LOCAL_RANK=3 MASTER_PORT=29500 LLMRUN_STOP_AT=1 PMI_RANK=9 PMI_SIZE=10 PMIX_RANK=9 "
        "PALS_RANKID=9 SLURM_PROCID=9 SLURM_STEP_NUM_TASKS=10 OMPI_COMM_WORLD_RANK=9 OMPI_COMM_WORLD_SIZE=10 " +
        launcher.setup + kFourRanks + launcher.name);
    CHECK_MESSAGE(outcome.exit == 0, outcome.err);
    if (outcome.exit != 0) continue;
    const Agreement agreement = compare(golden, read_plan(RunPaths(shell.path("run")).plan()));
    CHECK_MESSAGE(agreement.holds(), agreement.text());
    CHECK(outcome.err.find("----") == std::string::npos);  // no launcher's chatter
    CHECK_MESSAGE(outcome.err.find("PMIX") == std::string::npos, outcome.err);
  }
}

TEST_CASE("K1: a rank that is killed is named under every launcher, with its host, and nothing is left of the run") {
  REQUIRE_MESSAGE(missing_launchers().empty(), missing_launchers());
  const Golden golden = read_golden("gpt2-tiny");
  for (const TestLauncher& launcher : test_launchers()) {
    CAPTURE(launcher.label);
    const CommandLine shell;
    write_golden_yaml(shell, golden);
    const Outcome outcome = shell("LLMRUN_FAULT=kill9@rank=2,step=3 " + launcher.setup + kFourRanks + launcher.name);
    CHECK(outcome.exit == 137);
    CHECK_MESSAGE(outcome.err.find("llmrun: rank 2 on ") != std::string::npos, outcome.err);
    CHECK(outcome.err.find("was killed by signal 9 (SIGKILL)") != std::string::npos);
    CHECK(processes_of(read_record(RunPaths(shell.path("run")).record()).attempts.at(0).id).empty());
  }
}

TEST_CASE("E2: a run trains in a directory with spaces, quotes and a newline, without a HOME or a TMPDIR to write to") {
  REQUIRE_MESSAGE(missing_launchers().empty(), missing_launchers());
  for (const TestLauncher& launcher : test_launchers()) {
    CAPTURE(launcher.label);
    const CommandLine shell;
    const Outcome outcome =
        shell("odd=$(printf 'a b\\047c\"d\ne'); mkdir \"$odd\" && cd \"$odd\" && HOME=/proc TMPDIR=/proc/no/directory " + launcher.setup +
              "llmrun train --ranks 2 --set model=gpt-tiny --set train.seq_len=16 --set run.steps=1 --set "
              "train.precision=fp32 --set run.name=x --set machine.launcher=" +
              launcher.name);
    CHECK_MESSAGE(outcome.exit == 0, outcome.err);
    CHECK(std::filesystem::exists(shell.path("a b'c\"d\ne/outputs/x/checkpoints/latest")));
  }
}

TEST_CASE("I1, K3: any program under Open MPI 5, PRRTE and Hydra gets its words byte for byte, and its end is told as under the others") {
  REQUIRE_MESSAGE(missing_launchers().empty(), missing_launchers());
  for (const TestLauncher& launcher : test_launchers()) {
    if (launcher.label == "Open MPI 4" || launcher.label == "PALS") continue;  // tests/cli/program_test.cpp
    CAPTURE(launcher.label);
    const CommandLine shell;
    const std::string launch = launcher.setup + "llmrun launch --ranks 3 --set machine.node.gpus=0 --set machine.launcher=" + launcher.name;
    const Outcome words = shell(launch +
                                " -- python3 -c 'import os, sys; print(os.environ[\"RANK\"], os.environ[\"LOCAL_RANK\"], "
                                "os.environ[\"LOCAL_WORLD_SIZE\"], sys.argv[1:])' '' 'a b' : '$(id)' 'x\ny' '[z]'");
    CHECK_MESSAGE(words.exit == 0, words.err);
    for (int rank = 0; rank < 3; ++rank)
      CHECK_MESSAGE(words.out.find(fmt::format("{0} {0} 3 ['', 'a b', ':', '$(id)', 'x\\ny', '[z]']\n", rank)) != std::string::npos,
                    words.out);
    const Outcome failed = shell(launch + " --set run.name=f -- sh -c '[ $RANK = 1 ] || { sleep 1000 & wait; }; exit 7'");
    CHECK(failed.exit == 7);
    CHECK_MESSAGE(failed.err.find(": exited with code 7") != std::string::npos, failed.err);
    CHECK(failed.err.find("llmrun: rank 1 on ") != std::string::npos);
    CHECK(processes_of(read_record(shell.path("outputs/f/run.json")).attempts.at(0).id).empty());
    const Outcome killed = shell(launch + " --set run.name=k -- sh -c '[ $RANK = 1 ] || { sleep 1000 & wait; }; kill -SEGV $$'");
    CHECK(killed.exit == 139);
    CHECK_MESSAGE(killed.err.find("llmrun: rank 1 on ") != std::string::npos, killed.err);
    CHECK(processes_of(read_record(shell.path("outputs/k/run.json")).attempts.at(0).id).empty());
  }
}
