#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/pipeline/placement.h"
#include "engine/core/spec/config.h"

namespace llmrun {

/// The shape of a whole model with every default filled in. Plain numbers: planner, trainer and checkpoints share it.
struct ModelShape {
  Family family = Family::gpt;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t ffn = 0;
  int64_t vocab = 0;
  int64_t max_positions = 0;
  Positions positions = Positions::learned;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  Norm norm = Norm::layernorm;
  double norm_eps = 1e-5;
  Activation activation = Activation::gelu_tanh;
  bool bias = true;  // linear layers carry a bias: gpt yes, llama no
  bool tie_embeddings = true;
  double init_std = 0.02;
  double dropout = 0.0;
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

/// Fills in what the configuration leaves to the family and the other sizes. REQUIRES layers, hidden, heads and vocab above 0.
ModelShape model_shape(const ModelConfig& model, int64_t seq_len);

/// How a tensor begins when no weights are given: what Hugging Face's own initialisation does.
enum class Init { zeros, ones, normal };

/// A tensor of the whole model under Hugging Face's name, in canonical form: two dims (a vector is [n, 1]), linear weights [out, in].
/// Hugging Face's GPT-2 stores linear weights [in, out]: `transposed` says so to import and export; inside llmrun it never matters.
struct TensorInfo {
  std::string name;
  int64_t rows = 0;
  int64_t columns = 1;
  bool vector = false;  // one dim in Hugging Face's file
  bool transposed = false;
  bool decay = false;  // weight decay: tensors of two or more dims
  Init init = Init::normal;
  double init_std = 0.0;  // of Init::normal
  int64_t elements() const { return rows * columns; }
};

enum class UnitKind { embedding, block, head };

/// A unit is the embedding, one transformer block, or the head (final norm and output projection): what ZeRO, recompute and the
/// pipeline move as a whole.
struct UnitId {
  UnitKind kind = UnitKind::block;
  int64_t layer = 0;  // of a block
  friend bool operator==(const UnitId&, const UnitId&) = default;
};
std::string unit_name(const UnitId& unit);  // "embedding", "block 3", "head"

/// The units of each chunk of a pipeline stage, in the order they run. The first part has the embedding, the last one the head.
/// `layers_per_stage`: one entry a part of the placement, or empty.
std::vector<std::vector<UnitId>> stage_chunks(const ModelShape& shape, const PipelinePlacement& placement, int64_t stage,
                                              const std::vector<int64_t>& layers_per_stage);
/// All of them, chunk after chunk.
std::vector<UnitId> stage_units(const ModelShape& shape, const PipelinePlacement& placement, int64_t stage,
                                const std::vector<int64_t>& layers_per_stage);

/// The tensors a unit is made of. The head of a tied model has no projection of its own here: on another stage than the embedding it keeps
/// a copy (parameters.h).
std::vector<TensorInfo> unit_tensors(const ModelShape& shape, const UnitId& unit);
/// Every tensor of the model, each once, in running order.
std::vector<TensorInfo> model_tensors(const ModelShape& shape);
int64_t parameter_count(const ModelShape& shape);

}  // namespace llmrun
