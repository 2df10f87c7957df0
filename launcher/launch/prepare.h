#pragma once
#include <memory>
#include <optional>

#include "launcher/launch/launch.h"
#include "launcher/launch/launcher.h"
#include "launcher/process/subprocess.h"

namespace llmrun {

/// Which attempt a launch is; a script that is only shown is attempt 1.
struct AttemptName {
  int number = 1;
  std::string id = "by-hand";
};

/// A launch made concrete: what will be executed, and the script that does the same by hand. Bytes depend on the arguments alone.
struct Prepared {
  std::shared_ptr<Launcher> launcher;
  std::vector<Command> processes;                        // one launcher, or one process a rank
  std::vector<std::pair<std::string, std::string>> set;  // the variables that are set for them, in order
  std::string hostfile;                                  // its text, in the launcher's form
  std::string script;                                    // launch.sh
  std::optional<int64_t> stop_at;                        // seconds since 1970: when the ranks stop by themselves
};

/// The launcher that machine.launcher names, else what is installed. A single process (one rank here, or ranks as threads) needs none
/// and gets `local`. Throws Error(Exit::preflight) where nothing can start the ranks.
std::unique_ptr<Launcher> choose_launcher(const Launch& launch, const Variables& environment);

/// How many processes whoever runs this may have at once on this machine.
int64_t most_processes();
/// Throws Error(Exit::preflight) where this machine alone is to start more ranks than `most`: launchers find that out after minutes.
void check_processes(const Launch& launch, int64_t most);

/// `environment`: of this process.
Prepared prepare(const Launch& launch, std::shared_ptr<Launcher> launcher, const Variables& environment, const AttemptName& attempt = {});

}  // namespace llmrun
