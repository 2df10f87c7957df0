#include "launcher/topo/node_shape.h"

#include "launcher/topo/hwloc.h"
#include "launcher/topo/nvml.h"

namespace llmrun {

NodeShape node_shape(const NodeConfig& profile, const Variables& environment) {
  NodeShape shape;
  std::optional<HwlocFacts> facts;
  if (!profile.cores || !profile.gpus) facts = look_with_hwloc();
  shape.cores = profile.cores.value_or(facts && facts->cores > 0 ? facts->cores : usable_cpus());
  if (profile.gpus) {
    shape.gpus = *profile.gpus;
    shape.gpu_memory_bytes = profile.gpu_memory_bytes;
    shape.gpus_from = "machine profile";
    return shape;
  }
  if (const auto gpus = look_with_nvml(environment)) {
    shape.gpus = gpus->count;
    shape.gpu_memory_bytes = gpus->memory_bytes;
    shape.gpus_from = "NVML";
  } else if (facts && facts->nvidia_devices > 0) {
    shape.gpus = facts->nvidia_devices;
    shape.gpus_from = "PCI scan";
  } else {
    shape.gpus_from = "no driver answered";
  }
  if (profile.gpu_memory_bytes) shape.gpu_memory_bytes = profile.gpu_memory_bytes;
  return shape;
}

}  // namespace llmrun
