#include "launcher/plan/pipeline_forecast.h"

#include "engine/core/flops.h"

namespace llmrun {

std::vector<PartTimes> part_times(const Plan& plan) {
  const ParallelConfig& parallel = plan.config.parallel;
  const PipelinePlacement placement = pipeline_placement(plan.layout, parallel);
  const ForwardFlops flops = forward_flops(plan.model, plan.config.train.seq_len);
  const double block = flops.block_weights + flops.attention;
  std::vector<PartTimes> times;
  for (int64_t part = 0; part < placement.parts(); ++part) {
    const auto layers = static_cast<double>(part_layers(plan.model.layers, placement.parts(), part, parallel.layers_per_stage).size());
    PartTimes& time = times.emplace_back();
    time.forward = layers * block;
    time.backward_input = layers * (flops.block_weights + 2 * flops.attention + (parallel.recompute == Recompute::full ? block : 0));
    time.backward_weight = layers * flops.block_weights;
    if (part + 1 == placement.parts()) time.forward += 3 * flops.head;
  }
  return times;
}

PipelineForecast pipeline_forecast(const Plan& plan) {
  const Schedule schedule = plan.config.parallel.schedule;
  const PipelinePlacement placement = pipeline_placement(plan.layout, plan.config.parallel);
  PipelineForecast forecast{pipeline_schedule(schedule, placement, plan.accumulate), {}, {}, 0};
  const std::vector<PartTimes> alike(static_cast<size_t>(placement.parts()));
  forecast.even = simulate(forecast.schedule, alike);
  forecast.loaded = simulate(forecast.schedule, part_times(plan));
  forecast.formula = bubble_formula(schedule, placement, plan.accumulate, alike.front());
  return forecast;
}

}  // namespace llmrun
