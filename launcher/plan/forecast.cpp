#include "launcher/plan/forecast.h"

#include "engine/core/parameters.h"

namespace llmrun {
namespace {

int64_t parameters_on(const Plan& plan, const Coordinates& where) {
  const ParallelConfig& parallel = plan.config.parallel;
  const Cut cut = cut_of(plan.layout, parallel, where);
  int64_t count = 0;
  for (const UnitId& unit : stage_units(plan.model, pipeline_placement(plan.layout, parallel), where.pipeline, parallel.layers_per_stage))
    for (const LocalParameter& parameter : unit_parameters(plan.model, unit, cut).parameters) count += parameter.elements();
  return count;
}

}  // namespace

Forecast forecast(const Plan& plan) {
  const ParallelConfig& parallel = plan.config.parallel;
  const TrainConfig& train = plan.config.train;
  Forecast result{parameter_count(plan.model), flops_per_token(plan)};
  const PipelinePlacement placement = pipeline_placement(plan.layout, parallel);
  const PipelineSchedule schedule = pipeline_schedule(parallel.schedule, placement, plan.accumulate);
  for (int64_t stage = 0; stage < plan.layout.pipeline; ++stage) {
    const Coordinates where{.pipeline = stage};
    const int64_t rank = rank_of(plan.layout, where);
    std::vector<Interval> layers;
    for (int64_t chunk = 0; chunk < placement.chunks; ++chunk)
      layers.push_back(part_layers(plan.model.layers, placement.parts(), placement.part_of(stage, chunk), parallel.layers_per_stage));
    result.stages.push_back({std::move(layers), parameters_on(plan, where), peak_memory(plan, schedule, rank),
                             step_traffic(plan.model, plan.layout, parallel, train, plan.accumulate, rank)});
  }
  return result;
}

}  // namespace llmrun
