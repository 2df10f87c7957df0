#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/json.h"
#include "engine/core/rank_trace.h"
#include "launcher/plan/rank_forecast.h"

namespace llmrun::cli {

/// Whether tests hold the work of a unit against what an allocator counts, as they do on CPUs; and what is to
/// be said where they do not.
inline bool is_work_measured(const Plan& plan) { return plan.device == Device::cpu; }
inline constexpr std::string_view kWorkOnGpu = "work is that of the CPU's kernels, a GPU's take more";

/// Bytes of a rank at the peak of a step, by what they are for.
json memory_json(const PeakMemory& memory);

/// What `plan --trace-rank` tells: where the rank stands and with whom it talks, what it holds at the peak of a step, and its calls by
/// axis. `traced`: counted in a step without data, where there was one.
std::string rank_text(const Plan& plan, const RankForecast& rank, const std::optional<RankTrace>& traced);
/// The same in exact numbers.
json rank_json(const Plan& plan, const RankForecast& rank, const std::optional<RankTrace>& traced);

}  // namespace llmrun::cli
