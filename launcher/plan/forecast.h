#pragma once
#include <vector>

#include "engine/core/flops.h"
#include "engine/core/peak_memory.h"
#include "engine/core/plan.h"
#include "engine/core/step_traffic.h"

namespace llmrun {

/// One pipeline stage, as its fullest rank (tensor rank 0, data rank 0) sees it.
struct StageForecast {
  std::vector<Interval> layers;  // of each chunk
  int64_t parameters = 0;        // elements on that rank, padding left out
  PeakMemory memory;
  Traffic traffic;  // of one step
};

/// What a plan will cost, by the formulas of engine/core that the trainer's own meters use.
struct Forecast {
  int64_t parameters = 0;  // of the whole model
  TokenFlops flops;        // per token
  std::vector<StageForecast> stages;
};

Forecast forecast(const Plan& plan);

}  // namespace llmrun
