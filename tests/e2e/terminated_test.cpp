#include "tests/support/tensor_test.h"
// torch first

#include <chrono>
#include <functional>
#include <thread>

#include "engine/core/run_paths.h"
#include "launcher/rundir/record.h"
#include "tests/e2e/golden_run.h"
#include "tests/support/processes.h"
#include "tests/support/terminal.h"

using namespace llmrun;

namespace {

const std::string kTrain =
    "llmrun train golden.yaml --ranks 4 --set parallel.tensor=2 --set parallel.pipeline=2 --set run.steps=120 --set optimizer.lr=1e-4";

std::map<std::string, std::vector<float>> exported(const CommandLine& shell) {
  const Outcome done = shell("llmrun checkpoint export run --to hf");
  REQUIRE_MESSAGE(done.exit == 0, done.err);
  return read_tensors(shell.path("hf"));
}

/// What the run comes to where nobody disturbs it.
std::map<std::string, std::vector<float>> undisturbed(const Golden& golden) {
  const CommandLine shell;
  write_golden_yaml(shell, golden);
  REQUIRE(shell(kTrain).exit == 0);
  return exported(shell);
}

/// A run on a terminal, some steps after its start.
struct Running {
  Running(const CommandLine& shell, const Golden& golden, const std::string& more) {
    write_golden_yaml(shell, golden, more);
    terminal.emplace(shell.script("exec " + kTrain));
    REQUIRE_MESSAGE(terminal->wait_for("/120  loss"), terminal->last_words());
    id = read_record(RunPaths(shell.path("run")).record()).attempts.at(0).id;
  }
  void signal(int number, const std::string& program) {
    for (const pid_t pid : processes_of(id, program)) ::kill(pid, number);
  }
  /// As a scheduler ends a job: everything that it started, the head of it too.
  void signal_all(int number) {
    signal(number, "");
    ::kill(terminal->pid(), number);
  }

  std::optional<Terminal> terminal;
  std::string id;
};

struct Recipient {
  const char* who;
  std::function<void(Running&)> signal;
};

void wait(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

/// Every checkpoint that is offered is whole, and the same command goes on to the end of a run that nobody stopped.
void goes_on(const CommandLine& shell, const std::map<std::string, std::vector<float>>& clean) {
  const Outcome verified = shell("llmrun checkpoint verify run");
  CHECK_MESSAGE(verified.exit == 0, verified.out, verified.err);
  const Outcome rest = shell(kTrain);
  CHECK_MESSAGE(rest.exit == 0, rest.err);
  CHECK(exported(shell) == clean);
}

}  // namespace

TEST_CASE("T3: whoever is sent SIGTERM, and however often, all ranks stop after the same step with a checkpoint") {
  const Golden golden = read_golden("gpt2-tiny");
  const auto clean = undisturbed(golden);
  const Recipient recipients[] = {
      {"llmrun", [](Running& run) { ::kill(run.terminal->pid(), SIGTERM); }},
      {"mpirun", [](Running& run) { run.signal(SIGTERM, "mpirun"); }},
      {"every rank", [](Running& run) { run.signal(SIGTERM, "llmrun-rank"); }},
      {"every rank, three times",
       [](Running& run) {
         for (int i = 0; i < 3; ++i, wait(3)) run.signal(SIGTERM, "llmrun-rank");
       }},
      {"one rank", [](Running& run) { ::kill(processes_of(run.id, "llmrun-rank").back(), SIGTERM); }},
      {"one rank, three times",
       [](Running& run) {
         const pid_t rank = processes_of(run.id, "llmrun-rank").back();
         for (int i = 0; i < 3; ++i, wait(3)) ::kill(rank, SIGTERM);
       }},
      {"all of them", [](Running& run) { run.signal_all(SIGTERM); }},
  };
  for (const Recipient& recipient : recipients) {
    CAPTURE(recipient.who);
    const CommandLine shell;
    Running run(shell, golden, "");
    recipient.signal(run);
    const int exit = run.terminal->wait();
    CHECK_MESSAGE(exit == 143, run.terminal->last_words());
    const size_t steps = read_metrics(shell.path("run")).size();
    CHECK(steps < 120);
    CHECK(std::filesystem::exists(shell.path(fmt::format("run/checkpoints/step-{:08}", steps))));  // not one step is lost
    goes_on(shell, clean);
  }
}

TEST_CASE("T1: asked to stop at any moment after its start, before the ranks are there too, a run stops") {
  const Golden golden = read_golden("gpt2-tiny");
  for (const int after_ms : {20, 40, 60, 80, 100, 150, 300}) {
    CAPTURE(after_ms);
    const CommandLine shell;
    write_golden_yaml(shell, golden, "");
    Terminal terminal(shell.script("exec " + kTrain));
    wait(after_ms);
    ::kill(terminal.pid(), SIGINT);
    const int exit = terminal.wait();
    CHECK_MESSAGE(exit == 130, terminal.last_words());
    CHECK(read_metrics(shell.path("run")).size() < 120);
  }
}

TEST_CASE("a reader that ends ends no run: llmrun train | head") {
  const CommandLine shell;
  write_golden_yaml(shell, read_golden("gpt2-tiny"));
  const Outcome outcome = shell("{ " + kTrain + "; echo $? > code; } 2>&1 | head -1");
  CHECK(outcome.out.starts_with("NHOSTS: 1\n"));
  CHECK(shell.read("code") == "0\n");
  CHECK(read_metrics(shell.path("run")).size() == 120);
}

TEST_CASE("T2: SIGTERM and then SIGKILL, whenever it comes, leave a checkpoint that is whole, and the run goes on to the same end") {
  const Golden golden = read_golden("gpt2-tiny");
  const auto clean = undisturbed(golden);
  for (const int patience_ms : {0, 5, 20, 40, 80, 2000}) {
    CAPTURE(patience_ms);
    const CommandLine shell;
    Running run(shell, golden, "checkpoint: {every_steps: 2}\n");
    for (int i = 0; i < 2000 && !std::filesystem::exists(shell.path("run/checkpoints/latest")); ++i) wait(5);
    run.signal_all(SIGTERM);
    wait(patience_ms);
    run.signal_all(SIGKILL);
    run.terminal->wait();
    CHECK(seconds_until_gone(run.id) < 10);
    if (patience_ms == 2000) {  // time enough: nothing is lost
      const size_t steps = read_metrics(shell.path("run")).size();
      CHECK(std::filesystem::exists(shell.path(fmt::format("run/checkpoints/step-{:08}", steps))));
    }
    goes_on(shell, clean);
  }
}
