#pragma once
#include <filesystem>
#include <optional>

#include "engine/core/plan.h"
#include "launcher/profile/resolved.h"
#include "launcher/site/allocation.h"
#include "launcher/topo/node_shape.h"

namespace llmrun {

/// What a plan is made from: all of it data, so that a login node, a compute node and a test plan alike.
struct PlanInput {
  Resolved resolved;
  Allocation allocation;
  NodeShape node;
  std::optional<int64_t> ranks;     // --ranks
  std::filesystem::path directory;  // where outputs/ is
  std::string flash;                // "v1", "v2", "triton": which USE_FLASH_ATTN_* is set, for the run's name
};

/// What the ranks compute on: the node's GPUs, unless there are none or the communicator carries host memory.
Device device_of(const PlanInput& input);

/// How the ranks stand on the hosts.
struct Placement {
  std::vector<PlanHost> hosts;  // those that get a rank
  int64_t ranks_per_node = 1;
  int64_t ranks() const;
};

/// --ranks, else job.ranks_per_node on every host, else the slots of the hostfile, else a rank a GPU, else what the axes ask for, and one a
/// host at least. Throws Error(Exit::preflight) with the arithmetic where the hosts do not hold them.
Placement place_ranks(const PlanInput& input);

/// Throws one Error(Exit::config) with everything that cannot work, before anything starts; Exit::preflight where the hosts are too few.
/// REQUIRES settle_script_rules() to have been over input.resolved.
Plan make_plan(const PlanInput& input);

/// What hosts and hardware are looked up for.
enum class Intent {
  queue,     // a job to come, whatever allocation this shell is in: submit, plan
  rehearse,  // what a start here would do: train --dry-run
  start,     // ranks start here, now
};

/// The hosts to plan with: those that are `here`, or job.nodes of them, "node-1" and so on, for a job to come and where there is no
/// allocation to rehearse in. Where job.nodes says another number and does not count, a note tells.
Allocation allocation_for(Intent intent, Allocation here, const Config& config);

/// Which USE_FLASH_ATTN_* the environment sets: the ALCF name shows it.
std::string flash_variant(const Variables& environment);

}  // namespace llmrun
