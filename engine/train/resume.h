#pragma once
#include <spdlog/spdlog.h>

#include "engine/core/run_paths.h"
#include "engine/train/saved_state.h"

namespace llmrun {

/// Brings a fresh model to where the run stands, by checkpoint.resume: the newest checkpoint of the run that loads on every rank (a damaged
/// one is passed over, said in the log), the checkpoint that is named, else the weights of model.from, else initial weights by seed.
/// Collective over the mesh. Throws Error(Exit::no_checkpoint) where there are checkpoints and none can be used.
Progress restore(Model& model, const Mesh& mesh, const Plan& plan, const RunPaths& paths, spdlog::logger& log);

}  // namespace llmrun
