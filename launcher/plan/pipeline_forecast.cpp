#include "launcher/plan/pipeline_forecast.h"

#include <algorithm>

#include "engine/core/flops.h"
#include "engine/core/recompute.h"

namespace llmrun {

namespace {

/// Blocks of a part that are computed again: its chunk's share of its stage's.
double recomputed_of(const Plan& plan, const PipelinePlacement& placement, int64_t part) {
  const ParallelConfig& parallel = plan.config.parallel;
  const auto chunks = stage_chunks(plan.model, placement, placement.stage_of(part), parallel.layers_per_stage);
  std::vector<UnitId> units;
  for (const auto& chunk : chunks) units.insert(units.end(), chunk.begin(), chunk.end());
  const std::vector<Recompute> how = unit_recompute(units, parallel);
  auto unit = how.begin();
  for (int64_t chunk = 0; chunk < placement.chunk_of(part); ++chunk) unit += std::ssize(chunks[static_cast<size_t>(chunk)]);
  const auto end = unit + std::ssize(chunks[static_cast<size_t>(placement.chunk_of(part))]);
  return static_cast<double>(std::count_if(unit, end, [](Recompute of) { return of != Recompute::none; }));
}

}  // namespace

std::vector<PartTimes> part_times(const Plan& plan) {
  const ParallelConfig& parallel = plan.config.parallel;
  const PipelinePlacement placement = pipeline_placement(plan.layout, parallel);
  const ForwardFlops flops = forward_flops(plan.model, plan.config.train.seq_len);
  const double block = flops.block_weights + flops.attention;
  std::vector<PartTimes> times;
  for (int64_t part = 0; part < placement.parts(); ++part) {
    const auto layers = static_cast<double>(part_layers(plan.model.layers, placement.parts(), part, parallel.layers_per_stage).size());
    const double again = recomputed_of(plan, placement, part);
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
  PipelineForecast forecast{pipeline_schedule(schedule, placement, plan.accumulate), {}, {}, 0};
  const std::vector<PartTimes> alike(static_cast<size_t>(placement.parts()));
  forecast.even = simulate(forecast.schedule, alike);
  forecast.loaded = simulate(forecast.schedule, part_times(plan));
  forecast.formula = bubble_formula(schedule, placement, plan.accumulate, alike.front());
  return forecast;
}

}  // namespace llmrun
