#pragma once
#include <filesystem>

#include "engine/core/plan.h"

namespace llmrun {

/// The path itself, or the nearest directory above it that is there.
std::filesystem::path nearest_that_exists(std::filesystem::path path);

/// How many checkpoints of the run will stand on disk at once: checkpoint.keep, and the one being written; fewer where it saves less often.
int64_t checkpoints_at_once(const Plan& plan);

/// Whether the file system of the run directory, which need not be there yet, has room for the checkpoints that are still to come.
/// Throws Error(Exit::preflight) with both numbers where it has not. Quotas are not seen.
void check_room(const Plan& plan);

}  // namespace llmrun
