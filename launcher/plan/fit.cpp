#include "launcher/plan/fit.h"

#include <fmt/format.h>

#include "engine/core/units.h"

namespace llmrun {
namespace {

/// What makes a stage need less: of what it has most.
std::string_view remedy(const ParallelConfig& parallel, const StageForecast& stage) {
  const bool keeps_much = 2 * (stage.memory.kept + stage.memory.working) > stage.memory.total();
  if (keeps_much && (parallel.recompute != Recompute::full || parallel.recompute_layers))
    return "parallel.recompute=full, or less of train.micro_batch, makes it less";
  if (keeps_much && !parallel.offloads(Offload::activations))
    return "less of train.micro_batch, more tensor, sequence or context ranks, or parallel.offload=[activations], makes it less";
  if (keeps_much) return "less of train.micro_batch, or more tensor, sequence or context ranks, makes it less";
  if (parallel.zero < 3 && !parallel.offloads(Offload::optimizer))
    return "more tensor or pipeline ranks, parallel.zero=3, or parallel.offload=[optimizer], make it less";
  if (parallel.zero < 3) return "more tensor or pipeline ranks, or parallel.zero=3, make it less";
  return "more ranks of any axis make it less";
}

bool is_bounded(const Plan& plan, const NodeShape& node) { return plan.device == Device::cuda && node.gpu_memory_bytes; }

}  // namespace

std::vector<std::string> what_does_not_fit(const Plan& plan, const Forecast& costs, const NodeShape& node) {
  std::vector<std::string> lines;
  if (!is_bounded(plan, node)) return lines;
  for (size_t stage = 0; stage < costs.stages.size(); ++stage)
    if (const int64_t bytes = costs.stages[stage].memory.total(); bytes > *node.gpu_memory_bytes)
      lines.push_back(fmt::format("stage {} wants {} on a GPU of {}; {}", stage, human_bytes(static_cast<double>(bytes)),
                                  human_bytes(static_cast<double>(*node.gpu_memory_bytes)),
                                  remedy(plan.config.parallel, costs.stages[stage])));
  return lines;
}

std::vector<std::string> what_does_not_fit(const Plan& plan, const NodeShape& node) {
  return is_bounded(plan, node) ? what_does_not_fit(plan, forecast(plan), node) : std::vector<std::string>();
}

}  // namespace llmrun
