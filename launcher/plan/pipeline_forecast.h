#pragma once
#include <vector>

#include "engine/core/pipeline/simulation.h"
#include "engine/core/plan.h"

namespace llmrun {

/// How a step goes through the pipeline, before there is one.
struct PipelineForecast {
  PipelineSchedule schedule;
  PipelineTimeline even;          // all parts of the model alike, forward : input gradient : weight gradient = 1 : 1 : 1
  PipelineTimeline loaded;        // by the floating point operations of each part: layers, head and recompute
  std::optional<double> formula;  // of the bubble where all parts are alike: what the schedule's paper says
  int64_t formula_from = 1;       // as many micro-batches, with fewer there is none
};
PipelineForecast pipeline_forecast(const Plan& plan);

/// In any unit, what each part of the model costs a micro-batch. The head makes its gradients in its forward, as the trainer does.
std::vector<PartTimes> part_times(const Plan& plan);

}  // namespace llmrun
