#include "launcher/plan/pipeline_forecast.h"

#include "engine/core/flops.h"
#include "engine/core/recompute.h"

namespace llmrun {

namespace {

/// Blocks of a part that are computed again: those of its stage's that lie in `layers`.
int64_t recomputed_of(const Plan& plan, const PipelinePlacement& placement, int64_t stage, Interval layers) {
  const ParallelConfig& parallel = plan.config.parallel;
  const std::vector<UnitId> units = stage_units(plan.model, placement, stage, parallel.layers_per_stage);
  const std::vector<Recompute> how = unit_recompute(units, parallel);
  int64_t count = 0;
  for (size_t i = 0; i < units.size(); ++i)
    count += how[i] != Recompute::none && units[i].layer >= layers.begin && units[i].layer < layers.end ? 1 : 0;
  return count;
}

}  // namespace

std::vector<PartTimes> part_times(const Plan& plan) {
  const ParallelConfig& parallel = plan.config.parallel;
  const PipelinePlacement placement = pipeline_placement(plan.layout, parallel);
  const ForwardFlops flops = forward_flops(plan.model, plan.config.train.seq_len);
  const double block = flops.block_weights + flops.attention;
  std::vector<PartTimes> times;
  for (int64_t part = 0; part < placement.parts(); ++part) {
    const Interval held = part_layers(plan.model.layers, placement.parts(), part, parallel.layers_per_stage);
    const auto layers = static_cast<double>(held.size());
    const auto again = static_cast<double>(recomputed_of(plan, placement, placement.stage_of(part), held));
    PartTimes& time = times.emplace_back();
    time.forward = layers * block;
    time.backward_input = layers * (flops.block_weights + 2 * flops.attention);
    time.backward_input += again * (parallel.recompute == Recompute::full ? block : flops.attention);
    time.backward_weight = layers * flops.block_weights;
    if (part + 1 == placement.parts()) time.forward += 3 * flops.head;
  }
  return times;
}

PipelineForecast pipeline_forecast(const Plan& plan) {
  const Schedule schedule = plan.config.parallel.schedule;
  const PipelinePlacement placement = pipeline_placement(plan.layout, plan.config.parallel);
  PipelineForecast forecast{pipeline_schedule(schedule, placement, plan.accumulate), {}, {}, {}};
  const std::vector<PartTimes> alike(static_cast<size_t>(placement.parts()));
  forecast.even = simulate(forecast.schedule, alike);
  forecast.loaded = simulate(forecast.schedule, part_times(plan));
  forecast.formula = bubble_formula(schedule, placement, plan.accumulate, alike.front());
  forecast.formula_from = micro_batches_of_formula(schedule, placement);
  return forecast;
}

}  // namespace llmrun
