#include "launcher/plan/rank_forecast.h"

#include "engine/core/step_traffic.h"

namespace llmrun {

RankForecast rank_forecast(const Plan& plan, int64_t rank) {
  const ParallelConfig& parallel = plan.config.parallel;
  const PipelinePlacement placement = pipeline_placement(plan.layout, parallel);
  const PipelineSchedule schedule = pipeline_schedule(parallel.schedule, placement, plan.accumulate);
  RankForecast result{.rank = rank, .local_rank = rank, .where = coordinates(plan.layout, rank)};
  for (const PlanHost& host : plan.hosts) {
    if (result.local_rank < host.slots) {
      result.host = host.name;
      break;
    }
    result.local_rank -= host.slots;
  }
  if (result.host.empty()) result.local_rank = rank % plan.ranks_per_node;
  result.units = stage_units(plan.model, placement, result.where.pipeline, parallel.layers_per_stage);
  result.memory = peak_memory(plan, schedule, rank);
  result.traffic = step_traffic(plan.model, plan.layout, parallel, plan.config.train, plan.accumulate, rank);
  return result;
}

}  // namespace llmrun
