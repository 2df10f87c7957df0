#pragma once
#include <ctime>

#include "launcher/launch/launch.h"
#include "launcher/plan/make_plan.h"

namespace llmrun {

/// What a run is called, and its directory.
struct RunPlace {
  std::string name;
  std::filesystem::path dir;
};

/// run.name and run.dir where they are set, else outputs/PROGRAM. Throws Error(Exit::config) for a name that names no directory.
RunPlace run_place(const PlanInput& input, const std::string& program);

/// The same for a launch that is about to start: where neither is set it is outputs/PROGRAM-DATE, and made here, so that two launches in
/// one second get one each. Throws Error(Exit::preflight) where it cannot be made.
RunPlace make_run_place(const PlanInput& input, const std::string& program, std::time_t now);

/// A launch of any program: hosts, ranks and machine as for training, each rank through `llmrun __rank` (program_rank.h). Ranks: as
/// place_ranks() says, but one a host where nothing asks for another number, and more than the GPUs where --ranks says so.
/// `llmrun`: the absolute path of this program; `here`: this machine's name.
Launch program_launch(PlanInput input, const std::vector<std::string>& argv, const std::string& llmrun, const std::string& here,
                      const std::filesystem::path& dir);

/// Where the ranks of the launch meet: MASTER_ADDR, the host of rank 0, and MASTER_PORT.
void set_meeting_point(Launch& launch, uint16_t port);

}  // namespace llmrun
