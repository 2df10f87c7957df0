#pragma once
#include <chrono>
#include <functional>
#include <string_view>
#include <vector>

#include "launcher/launch/launcher.h"
#include "launcher/process/subprocess.h"

namespace llmrun {

/// How long the parts of an ending may take. Tests shorten them.
struct Patience {
  std::chrono::milliseconds after_first_failure{10'000};  // for the launcher to end the other ranks by itself
  std::chrono::milliseconds after_stop{5'000};            // for ranks that were asked to stop to finish their step and save
  std::chrono::milliseconds after_terminate{4'000};       // between SIGTERM and SIGKILL
  std::chrono::milliseconds tick{100};
};

/// What to supervise and whom to tell. `processes` is one launcher, or (local) every rank, in rank order.
struct Supervision {
  std::vector<Command> processes;
  Launcher* launcher = nullptr;                                                     // reads the output for deaths
  std::function<void(std::string_view line)> on_line = [](std::string_view) {};     // of the combined output, without the newline
  std::function<void(std::string_view line)> on_chatter = [](std::string_view) {};  // one that Launcher::is_chatter() knows
  std::function<void(int signal)> on_stop = [](int) {};                             // the first signal that asks us to stop
  std::function<void()> on_tick = [] {};
  std::function<bool()> rank_reported_failure = [] { return false; };  // an error file has appeared
  bool one_stop = false;  // a second signal says nothing new: one that a launcher gives to us and to our parent, or a batch system's
  Patience patience;
};

/// How a launch ended.
struct Ending {
  int exit_code = 0;               // of the launcher, or of the first rank that failed
  std::optional<RankDeath> death;  // the first one that the launcher told of, or that we reaped; one by a signal before one by an exit code
  int stopped_by = 0;              // the signal that we were sent
  bool clean() const { return exit_code == 0 && !death && stopped_by == 0; }
};

/// Runs to the end: hands every output line on, on SIGINT, SIGTERM, SIGHUP or SIGUSR1 asks the ranks to stop (a second one kills them),
/// ends what is left after the first failure, and leaves no orphan behind, whichever of launcher and ranks died how: this process adopts
/// what its children lose (PR_SET_CHILD_SUBREAPER) and kills it before it returns or throws what a callback threw. One call at a time in a
/// process; signals are blocked meanwhile.
Ending supervise(Supervision& supervision);

}  // namespace llmrun
