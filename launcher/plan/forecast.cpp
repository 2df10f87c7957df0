#include "launcher/plan/forecast.h"

#include "engine/core/parameters.h"

namespace llmrun {
namespace {

int64_t parameters_on(const Plan& plan, const Coordinates& where) {
  const ParallelConfig& parallel = plan.config.parallel;
  const Cut cut{plan.layout.tensor, where.tensor, parallel.sequence == SequenceParallel::megatron, plan.layout.pipeline};
  int64_t count = 0;
  for (const UnitId& unit : stage_units(plan.model, plan.layout.pipeline, where.pipeline, parallel.layers_per_stage))
    for (const LocalParameter& parameter : unit_parameters(plan.model, unit, cut).parameters) count += parameter.elements();
  return count;
}

}  // namespace

Forecast forecast(const Plan& plan) {
  const ParallelConfig& parallel = plan.config.parallel;
  const TrainConfig& train = plan.config.train;
  Forecast result{parameter_count(plan.model), flops_per_token(plan.model, train.seq_len, parallel.recompute == Recompute::full)};
  for (int64_t stage = 0; stage < plan.layout.pipeline; ++stage) {
    const Coordinates where{.pipeline = stage};
    const int64_t rank = rank_of(plan.layout, where);
    result.stages.push_back({stage_layers(plan.model.layers, plan.layout.pipeline, stage, parallel.layers_per_stage),
                             parameters_on(plan, where), state_bytes(plan.model, plan.layout, parallel, train.precision, rank),
                             step_traffic(plan.model, plan.layout, parallel, train, plan.accumulate, rank)});
  }
  return result;
}

}  // namespace llmrun
