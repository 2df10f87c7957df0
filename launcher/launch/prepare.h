#pragma once
#include <memory>

#include "engine/core/plan.h"
#include "launcher/launch/launcher.h"
#include "launcher/process/subprocess.h"

namespace llmrun {

/// Which attempt a launch is; a script that is only shown is attempt 1.
struct AttemptName {
  int number = 1;
  std::string id = "by-hand";
};

/// A plan made concrete: what will be executed, and the script that does the same by hand. Bytes depend on the arguments alone.
struct Prepared {
  std::shared_ptr<Launcher> launcher;
  std::vector<Command> processes;                        // one launcher, or one process a rank
  std::vector<std::pair<std::string, std::string>> set;  // the variables that are set for them, in order
  std::string hostfile;                                  // its text; empty: none is needed
  std::string script;                                    // launch.sh
};

/// The launcher that machine.launcher names, else what is installed. A single process (one rank here, or ranks as threads) needs none
/// and gets `local`. `here`: this machine's name. Throws Error(Exit::preflight) where nothing can start the ranks.
std::unique_ptr<Launcher> choose_launcher(const Plan& plan, const Variables& environment, const std::string& here);

/// `rank_program`: the absolute path of llmrun-rank. `environment`: of this process.
Prepared prepare(const Plan& plan, std::shared_ptr<Launcher> launcher, const std::string& rank_program, int64_t cores_per_node,
                 const Variables& environment, const AttemptName& attempt = {});

}  // namespace llmrun
