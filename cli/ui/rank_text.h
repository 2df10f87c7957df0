#pragma once
#include <string>

#include "engine/core/json.h"
#include "launcher/plan/rank_forecast.h"

namespace llmrun::cli {

/// Exact bytes of a rank at the peak of a step, by what they are for.
json memory_json(const PeakMemory& memory);

/// What `plan --trace-rank` tells: where the rank stands and with whom it talks, what it holds at the peak of a step, and its calls by
/// axis.
std::string rank_text(const Plan& plan, const RankForecast& rank);
/// The same in exact numbers.
json rank_json(const Plan& plan, const RankForecast& rank);

}  // namespace llmrun::cli
