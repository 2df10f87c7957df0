#include "launcher/topo/node_shape.h"

#include <fmt/format.h>
#include <unistd.h>

#include "launcher/topo/hwloc.h"
#include "launcher/topo/nvml.h"

namespace llmrun {
namespace {

int64_t memory_of_this_machine() { return int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE); }

bool speaks_cuda(const NodeConfig& profile) { return profile.accelerator.empty() || profile.accelerator == "cuda"; }

}  // namespace

void count_gpus(const NodeConfig& profile, Witness witness, std::optional<int64_t> nvml, std::optional<int64_t> pci, NodeShape& shape) {
  const auto take = [&](int64_t count, const char* from) {
    shape.gpus = count;
    shape.gpus_from = from;
    if (profile.gpus && count != *profile.gpus)
      shape.notes.push_back(
          fmt::format("GPUs a node: the machine profile says {}, {} says {}: going by {}", *profile.gpus, from, count, from));
  };
  if (profile.gpus && witness == Witness::profile) return take(*profile.gpus, "machine profile");
  if (nvml) return take(*nvml, "NVML");
  if (pci && *pci > 0) return take(*pci, "PCI scan");  // a bus without a card may be one that we cannot see
  if (profile.gpus) return take(*profile.gpus, "machine profile");
  shape.gpus_from = "no driver answered";
}

NodeShape node_shape(const NodeConfig& profile, Witness witness, const Variables& environment) {
  NodeShape shape;
  if (!speaks_cuda(profile)) witness = Witness::profile;  // nobody here knows other GPUs
  const bool look = !profile.gpus || witness == Witness::hardware;
  std::optional<NvmlFacts> nvml;
  if (look) nvml = look_with_nvml(environment);
  std::optional<HwlocFacts> facts;
  if (look || !profile.cores) facts = look_with_hwloc(/*bus=*/look && !nvml && profile.gpus.value_or(0) > 0);
  shape.cores = profile.cores.value_or(facts && facts->cores > 0 ? facts->cores : usable_cpus());
  count_gpus(profile, witness, nvml ? std::optional(nvml->count) : std::nullopt, facts ? facts->nvidia_devices : std::nullopt, shape);
  shape.gpu_memory_bytes = profile.gpu_memory_bytes ? profile.gpu_memory_bytes : nvml ? nvml->memory_bytes : std::nullopt;
  const bool is_the_node = witness == Witness::hardware || !profile.cores;
  if (is_the_node && !(facts && facts->foreign)) shape.memory_bytes = memory_of_this_machine();
  return shape;
}

}  // namespace llmrun
