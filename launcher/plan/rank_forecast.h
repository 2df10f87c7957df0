#pragma once
#include <vector>

#include "engine/core/peak_memory.h"
#include "engine/core/traffic.h"

namespace llmrun {

/// What one rank of a plan will hold and say in a training step, without starting any: the formulas of engine/core, to which tests hold
/// what running ranks count, walked for this rank alone. A layout of 100,000 ranks takes milliseconds.
struct RankForecast {
  int64_t rank = 0;
  std::string host;  // empty: the plan does not name it
  int64_t local_rank = 0;
  Coordinates where;
  std::vector<UnitId> units;  // in the order they run
  PeakMemory memory;
  Traffic traffic;  // of one step
};

/// REQUIRES 0 <= rank < plan.ranks().
RankForecast rank_forecast(const Plan& plan, int64_t rank);

}  // namespace llmrun
