#include "launcher/plan/fit.h"

#include <fmt/format.h>

#include "engine/core/units.h"

namespace llmrun {
namespace {

std::string bytes(int64_t count) { return human_bytes(static_cast<double>(count)); }

/// What makes a stage need less: of what it has most. Ranks that compute in host memory have nowhere else to keep things.
std::string_view remedy(const Plan& plan, const StageForecast& stage) {
  const ParallelConfig& parallel = plan.config.parallel;
  const bool keeps_much = 2 * (stage.memory.kept + stage.memory.working) > stage.memory.total(), on_gpus = plan.device == Device::cuda;
  if (keeps_much && (parallel.recompute != Recompute::full || parallel.recompute_layers))
    return "parallel.recompute=full, or less of train.micro_batch, makes it less";
  if (keeps_much && on_gpus && !parallel.offloads(Offload::activations))
    return "less of train.micro_batch, more tensor, sequence or context ranks, or parallel.offload=[activations], makes it less";
  if (keeps_much) return "less of train.micro_batch, or more tensor, sequence or context ranks, makes it less";
  if (parallel.zero < 3 && on_gpus && !parallel.offloads(Offload::optimizer))
    return "more tensor or pipeline ranks, parallel.zero=3, or parallel.offload=[optimizer], make it less";
  if (parallel.zero < 3) return "more tensor or pipeline ranks, or parallel.zero=3, make it less";
  return "more ranks of any axis make it less";
}

std::vector<std::string> stages_beyond_a_gpu(const Plan& plan, const Forecast& costs, int64_t memory) {
  std::vector<std::string> lines;
  for (size_t stage = 0; stage < costs.stages.size(); ++stage)
    if (const int64_t wanted = costs.stages[stage].memory.total(); wanted > memory)
      lines.push_back(
          fmt::format("stage {} wants {} on a GPU of {}; {}", stage, bytes(wanted), bytes(memory), remedy(plan, costs.stages[stage])));
  return lines;
}

/// The ranks of a host share its memory: those of one stage, or of stages that follow each other.
std::vector<std::string> host_beyond_its_memory(const Plan& plan, const Forecast& costs, int64_t memory) {
  const int64_t ranks_of_stage = plan.ranks() / plan.layout.pipeline;
  int64_t rank = 0, most = 0, ranks = 0;
  const StageForecast* heaviest = nullptr;
  for (const PlanHost& host : plan.hosts) {
    int64_t wanted = 0;
    const StageForecast* stage = nullptr;
    for (int64_t slot = 0; slot < host.slots; ++slot, ++rank) {
      const StageForecast& here = costs.stages[static_cast<size_t>(rank / ranks_of_stage)];
      wanted += here.memory.total();
      if (!stage || here.memory.total() > stage->memory.total()) stage = &here;
    }
    if (wanted <= most) continue;
    most = wanted;
    ranks = host.slots;
    heaviest = stage;
  }
  if (most <= memory) return {};
  return {fmt::format("{} rank{} want{} {} on a host of {}; more hosts give each fewer ranks, and {}", ranks, ranks == 1 ? "" : "s",
                      ranks == 1 ? "s" : "", bytes(most), bytes(memory), remedy(plan, *heaviest))};
}

}  // namespace

std::vector<std::string> what_does_not_fit(const Plan& plan, const Forecast& costs, const NodeShape& node) {
  const bool on_gpus = plan.device == Device::cuda;
  const std::optional<int64_t>& memory = on_gpus ? node.gpu_memory_bytes : node.memory_bytes;
  if (!memory) return {};
  return on_gpus ? stages_beyond_a_gpu(plan, costs, *memory) : host_beyond_its_memory(plan, costs, *memory);
}

}  // namespace llmrun
