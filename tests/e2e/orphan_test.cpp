#include "tests/support/tensor_test.h"
// torch first

#include <functional>

#include "engine/core/run_paths.h"
#include "launcher/rundir/lock.h"
#include "launcher/rundir/record.h"
#include "tests/e2e/golden_run.h"
#include "tests/support/processes.h"
#include "tests/support/terminal.h"

using namespace llmrun;

namespace {

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
