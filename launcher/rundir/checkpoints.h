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

/// Before anything of the run is written anew. Where checkpoint.resume is a path: throws Error(Exit::no_checkpoint) unless a checkpoint is
/// there. Where it is never: throws Error(Exit::config) if the directory was used before; where it is auto: if the run's checkpoints are of
/// another model, as its plan.json has it.
void check_resume(const Plan& plan);

}  // namespace llmrun
