#include "tests/support/tensor_test.h"
// torch first

#include <chrono>
#include <functional>

#include "engine/core/run_paths.h"
#include "launcher/rundir/lock.h"
#include "launcher/rundir/record.h"
#include "tests/e2e/golden_run.h"
#include "tests/support/terminal.h"

using namespace llmrun;
namespace fs = std::filesystem;

namespace {

/// Every live process of an attempt, wherever it sits: by the variable that all of them inherit, as sessions and groups may change.
std::vector<pid_t> processes_of(const std::string& attempt_id, const std::string& program = "") {
  const std::string mark = "LLMRUN_ATTEMPT_ID=" + attempt_id;
  std::vector<pid_t> found;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (CommandLine::slurp(entry.path() / "environ").find(mark) == std::string::npos) continue;  // empty for one that has ended
    if (program.empty() || CommandLine::slurp(entry.path() / "comm") == program + "\n") found.push_back(std::stoi(name));
  }
  return found;
}

double seconds_until_gone(const std::string& attempt_id) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  while (!processes_of(attempt_id).empty() && passed() < 30) ::usleep(50'000);
  return passed();
}

struct Fault {
  const char* what;
  std::function<void(Terminal&, const std::string& attempt_id)> strike;
  int exit;
};

const std::vector<Fault> kFaults{
    {"llmrun is killed", [](Terminal& terminal, const std::string&) { ::kill(terminal.pid(), SIGKILL); }, 137},
    {"llmrun and mpirun are killed together",
     [](Terminal& terminal, const std::string& id) {
       const std::vector<pid_t> launchers = processes_of(id, "mpirun");
       ::kill(terminal.pid(), SIGSTOP);  // so that neither sees the other die
       for (const pid_t pid : launchers) ::kill(pid, SIGKILL);
       ::kill(terminal.pid(), SIGKILL);
     },
     137},
    {"mpirun is killed",
     [](Terminal&, const std::string& id) {
       for (const pid_t pid : processes_of(id, "mpirun")) ::kill(pid, SIGKILL);
     },
     137},
    {"the line is cut", [](Terminal& terminal, const std::string&) { terminal.hang_up(); }, 129},
    {"Ctrl-C",
     [](Terminal& terminal, const std::string&) {
       terminal.type("\x03");
       terminal.wait_for("Stopped. The same command goes on from the last checkpoint.");
     },
     130},
    {"Ctrl-C twice",
     [](Terminal& terminal, const std::string&) {
       terminal.type("\x03");
       terminal.wait_for("once more ends them at once");
       terminal.type("\x03");
     },
     130},
};

}  // namespace

TEST_CASE("K3: whatever ends the launcher, no rank outlives it by ten seconds") {
  const Golden golden = read_golden("gpt2-tiny");
  for (const char* launcher : {"openmpi", "local"})
    for (const Fault& fault : kFaults) {
      if (launcher == std::string("local") && std::string(fault.what).find("mpirun") != std::string::npos) continue;  // there is none
      CAPTURE(launcher);
      CAPTURE(fault.what);
      const CommandLine shell;
      write_golden_yaml(shell, golden);
      Terminal terminal(
          shell.script(fmt::format("exec llmrun train golden.yaml --ranks 4 --set parallel.tensor=2 --set parallel.pipeline=2 --set "
                                   "run.steps=1000000 --set machine.launcher={}",
                                   launcher)));
      REQUIRE_MESSAGE(terminal.wait_for("/1000000  loss"), terminal.last_words());
      const std::string id = read_record(RunPaths(shell.path("run")).record()).attempts.at(0).id;
      CHECK(processes_of(id, "llmrun-rank").size() == 4);
      fault.strike(terminal, id);
      CHECK(seconds_until_gone(id) < 10);
      const int exit = terminal.wait();
      CHECK_MESSAGE(exit == fault.exit, terminal.last_words());
      CHECK(terminal.screen().find("--------") == std::string::npos);
      CHECK(!is_locked(RunPaths(shell.path("run")).lock()));
    }
}
