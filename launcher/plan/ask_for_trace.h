#pragma once
#include <optional>

#include "engine/core/plan.h"
#include "engine/core/rank_trace.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// What a rank holds and says in a step that llmrun-rank makes without data, with a GPU's operators: what rank_forecast.h says by formulas,
/// counted. Seconds. Nothing where llmrun-rank is not installed (a launcher side alone); throws what it says where it fails.
/// REQUIRES 0 <= rank < plan.ranks().
std::optional<RankTrace> ask_for_trace(const Plan& plan, int64_t rank, const Variables& environment);

}  // namespace llmrun
