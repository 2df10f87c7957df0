#pragma once
#include <filesystem>

#include "engine/core/spec/value.h"

namespace llmrun {

/// The shape of a model from DIRECTORY/config.json, as a `model` section of ours (GPT-2 and Llama forms): {model: {family: ...}}. Only the
/// architecture is taken: dropout is a choice of the training run. Throws Error(Exit::preflight) with the path where the file is missing or
/// asks for something that these two architectures do not do here (another rotary form, biases, another activation).
Value model_of_hugging_face(const std::filesystem::path& directory);

}  // namespace llmrun
