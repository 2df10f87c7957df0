#pragma once
#include <cstdint>
#include <vector>

#include "engine/core/plan.h"
#include "engine/core/run_paths.h"

namespace llmrun {

/// The steps of a run's checkpoints by their names, ascending: one that is being written is not called step-00000100 yet.
std::vector<int64_t> checkpoint_steps(const RunPaths& paths);
/// Those whose manifest is still there.
std::vector<int64_t> whole_checkpoint_steps(const RunPaths& paths);

/// Where checkpoint.resume is a path: throws Error(Exit::no_checkpoint) unless a checkpoint is there.
void check_resume(const Plan& plan);

}  // namespace llmrun
