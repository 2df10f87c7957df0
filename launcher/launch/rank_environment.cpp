#include "launcher/launch/rank_environment.h"

#include "engine/core/gpu_of.h"

namespace llmrun {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    if (end > begin) parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string variable_of(const std::string& accelerator) {
  if (accelerator == "xpu") return "ZE_AFFINITY_MASK";
  return accelerator == "rocm" ? "ROCR_VISIBLE_DEVICES" : "CUDA_VISIBLE_DEVICES";
}

/// The names of all GPUs of the node, in the driver's order.
std::vector<std::string> names_of_gpus(const ProgramRank& rank, const Variables& environment) {
  const bool tiles = rank.accelerator == "xpu" && environment.get("ZE_FLAT_DEVICE_HIERARCHY") != "FLAT";
  std::vector<std::string> names;
  for (int64_t gpu = 0; gpu < rank.gpus; ++gpu) names.push_back(tiles ? fmt::format("{}.{}", gpu / 2, gpu % 2) : std::to_string(gpu));
  return names;
}

void set_gpu(const ProgramRank& rank, int local_rank, Variables& environment) {
  const std::string variable = variable_of(rank.accelerator);
  std::vector<std::string> gpus = split(environment.get(variable).value_or(""));
  if (gpus.empty()) gpus = names_of_gpus(rank, environment);
  environment.set(variable, gpus[static_cast<size_t>(gpu_of(local_rank, static_cast<int>(gpus.size()), rank.affinity))]);
  if (rank.accelerator == "xpu") environment.set("ZE_ENABLE_PCI_ID_DEVICE_ORDER", "1");
}

}  // namespace

void set_rank_environment(const ProgramRank& rank, const Identity& identity, Variables& environment) {
  environment.set("RANK", std::to_string(identity.rank));
  environment.set("WORLD_SIZE", std::to_string(identity.size));
  environment.set("LOCAL_RANK", std::to_string(identity.local_rank));
  environment.set("LOCAL_WORLD_SIZE", std::to_string(identity.local_size));
  if (rank.gpus > 0) set_gpu(rank, identity.local_rank, environment);
}

}  // namespace llmrun
