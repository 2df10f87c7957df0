#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/plan.h"

namespace llmrun {

/// What is to be started where: all that a launch needs to know, of a training run or of any other program.
struct Launch {
  std::string dir;        // the run directory, absolute
  std::string directory;  // where launch.sh starts the ranks
  std::vector<PlanHost> hosts;
  int64_t ranks_per_node = 1;        // of a full host
  bool here_alone = false;           // every rank runs on this machine
  bool trains = false;               // ranks are ours: they save when they are told to stop, and 75 says that they did
  bool ranks_are_threads = false;    // of one process
  int64_t threads = 1;               // CPU threads a rank
  int64_t cores_per_node = 1;        // physical
  std::vector<std::string> command;  // of a rank
  std::string watcher;  // path of the llmrun that watches ranks (`__rank`) where the launcher does not; empty: the command does
  std::vector<std::pair<std::string, std::string>> variables;  // for the ranks, beside those that every launch sets
  std::vector<std::string> forwarded;                          // names of the user's variables that ranks on other hosts need too
  MachineConfig machine;
  JobConfig job;

  int64_t ranks() const;
  bool is_one_process() const { return ranks_are_threads || ranks() == 1; }
};

/// Of a training run. `rank_program`: the absolute path of llmrun-rank; `here`: this machine's name.
Launch launch_of(const Plan& plan, const std::string& rank_program, int64_t cores_per_node, const std::string& here);

/// Whether these hosts are one, and that is this machine.
bool is_here_alone(const std::vector<PlanHost>& hosts, const std::string& here);

}  // namespace llmrun
