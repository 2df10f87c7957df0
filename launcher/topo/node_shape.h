#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "engine/core/spec/config.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// What a node has to run ranks on. All nodes of a run are taken to be alike.
struct NodeShape {
  int64_t cores = 1;  // physical, that this process may use
  int64_t gpus = 0;
  std::optional<int64_t> gpu_memory_bytes;  // empty: nobody could say
  std::string gpus_from;                    // "machine profile", "NVML", "PCI scan", "no driver answered"
};

/// The profile's numbers where it has them; only what is missing is looked up on this machine. So a login node can plan for its compute
/// nodes, and with both `gpus` and `cores` given neither hwloc nor NVML is loaded.
NodeShape node_shape(const NodeConfig& profile, const Variables& environment);

}  // namespace llmrun
