#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint/reader.h"
#include "engine/core/plan.h"
#include "engine/model/model.h"
#include "engine/train/progress.h"

namespace llmrun {

/// Writes checkpoints/step-NNNNNNNN. Collective over the mesh. Returns what a person should hear.
std::vector<std::string> save_state(Model& model, const Mesh& mesh, const Plan& plan, const Progress& progress,
                                    const std::filesystem::path& checkpoints);

/// Reads weights and moments from a checkpoint of any layout and publishes them. Collective over the mesh.
Progress load_state(Model& model, const Plan& plan, const CheckpointReader& checkpoint);

/// Reads weights alone (a Hugging Face directory, or another run's checkpoint) and publishes them. Collective over the mesh.
void load_weights(Model& model, const WeightSource& source);

}  // namespace llmrun
