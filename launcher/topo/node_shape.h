#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/spec/config.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// What a node has to run ranks on. All nodes of a run are taken to be alike.
struct NodeShape {
  int64_t cores = 1;  // physical, that this process may use
  int64_t gpus = 0;
  std::optional<int64_t> gpu_memory_bytes;  // empty: nobody could say
  std::optional<int64_t> memory_bytes;      // of the host; empty: it is not this machine
  std::string gpus_from;                    // "machine profile", "NVML", "PCI scan", "no driver answered"
  std::vector<std::string> notes;           // where the witnesses disagree, to be told once
};

/// Whose word on the GPUs holds.
enum class Witness {
  profile,   // the machine profile's; what it leaves out is looked up here. So a login node can plan for its compute nodes.
  hardware,  // this machine is a node of the run: NVML's, else the PCI bus's, else the profile's. No driver is no data, not zero.
};

/// With Witness::profile, and both `gpus` and `cores` in the profile, neither hwloc nor NVML is loaded.
NodeShape node_shape(const NodeConfig& profile, Witness witness, const Variables& environment);

/// The rule behind it. `nvml`: what the driver says; `pci`: what hwloc sees on the bus; both empty where nobody asked or answered.
void count_gpus(const NodeConfig& profile, Witness witness, std::optional<int64_t> nvml, std::optional<int64_t> pci, NodeShape& shape);

}  // namespace llmrun
