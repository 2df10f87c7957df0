#pragma once
#include <cstddef>
#include <string>

#include "engine/core/pipeline/simulation.h"

namespace llmrun::cli {

/// A line a stage and a cell a unit of time, from left to right; an action of two units is drawn on with dashes, and a stage that waits
/// leaves its cells empty. Cut into bands of at most `width` columns. REQUIRES whole numbers as times.
std::string schedule_text(const PipelineTimeline& timeline, size_t width);

}  // namespace llmrun::cli
