#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/checkpoint/piece.h"
#include "engine/checkpoint/safetensors.h"
#include "engine/core/json.h"

namespace llmrun {

/// The weights of a Hugging Face directory: the files model.safetensors.index.json names, else model.safetensors, else every *.safetensors.
/// Accepts the names of the model with its head ("transformer.wte.weight") and without ("wte.weight"), fp32, fp16 and bf16.
class HuggingFaceSource : public WeightSource {
 public:
  /// Opens the files and finds every tensor of the model. Throws Error(Exit::preflight) with every tensor that is missing, has another
  /// shape or an unloadable dtype, and those the model has no place for: they would be the sign of another shape. Passed over are a tied
  /// head stored as well, and buffers that are no weights (attention masks, rotary frequencies).
  HuggingFaceSource(std::filesystem::path directory, const ModelShape& model);

  /// REQUIRES destinations of Kind::weight: a Hugging Face directory holds no moments.
  void load(const std::vector<Piece>& destinations) const override;

 private:
  struct Found {
    TensorInfo info;
    const SafetensorsFile* file = nullptr;  // in files_
    const StoredTensor* stored = nullptr;   // in the file's header
  };

  std::filesystem::path directory_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Found, std::less<>> tensors_;  // by the model's name
};

/// The names under which a tensor of the model may stand in a file, the usual one first.
std::vector<std::string> stored_names(const ModelShape& model, const std::string& name);

/// config.json for transformers: GPT2LMHeadModel or LlamaForCausalLM. Throws Error(Exit::failed) where Hugging Face's model of that family
/// cannot express the shape. `dtype`: "float32" or "bfloat16".
json huggingface_config(const ModelShape& model, const std::string& dtype);

}  // namespace llmrun
