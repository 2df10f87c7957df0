#pragma once
#include <string>
#include <vector>

#include "engine/core/plan.h"

namespace llmrun {

/// A value that differs from the one a checkpoint was written under, where that matters to what is trained.
struct ResumeChange {
  std::string key;  // "model.layers"
  std::string was, is;
  bool refused = false;  // the weights would mean something else; else the run goes on, and says so
};

/// What a checkpoint's manifest says of the model, the configuration and the layout, against a plan that goes on from it. The model's
/// shape may not change: not even where all tensors would fit (heads, rope_theta, tied embeddings). Data, seed, the sequences of a step,
/// sequence length, precision and optimizer may, and are told. What cannot change a number (the layout but for the sequences of a step,
/// machine, job, logs, checkpoints, how long the run is) is not looked at.
std::vector<ResumeChange> resume_changes(const ModelShape& model, const json& config, const Layout& layout, const Plan& plan);

}  // namespace llmrun
