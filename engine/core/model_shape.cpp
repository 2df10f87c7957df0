#include "engine/core/model_shape.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/core/layout.h"

namespace llmrun {

ModelShape model_shape(const ModelConfig& model, int64_t seq_len) {
  const bool gpt = model.family == Family::gpt;
  ModelShape shape;
  shape.family = model.family;
  shape.layers = model.layers;
  shape.hidden = model.hidden;
  shape.heads = model.heads;
  shape.kv_heads = model.kv_heads.value_or(model.heads);
  shape.head_dim = model.head_dim.value_or(model.hidden / model.heads);
  shape.ffn = model.ffn.value_or(4 * model.hidden);
  shape.vocab = model.vocab;
  shape.max_positions = model.max_positions.value_or(seq_len);
  shape.positions = model.positions.value_or(gpt ? Positions::learned : Positions::rotary);
  shape.rope_theta = model.rope_theta;
  shape.rope_scaling = model.rope_scaling;
  shape.norm = model.norm.value_or(gpt ? Norm::layernorm : Norm::rmsnorm);
  shape.norm_eps = model.norm_eps;
  shape.activation = model.activation.value_or(gpt ? Activation::gelu_tanh : Activation::swiglu);
  shape.bias = gpt;
  shape.tie_embeddings = model.tie_embeddings.value_or(gpt);
  shape.init_std = model.init_std;
  shape.dropout = model.dropout;
  return shape;
}

std::string unit_name(const UnitId& unit) {
  switch (unit.kind) {
    case UnitKind::embedding:
      return "embedding";
    case UnitKind::head:
      return "head";
    case UnitKind::block:
      break;
  }
  return fmt::format("block {}", unit.layer);
}

std::vector<std::vector<UnitId>> stage_chunks(const ModelShape& shape, const PipelinePlacement& placement, int64_t stage,
                                              const std::vector<int64_t>& layers_per_stage) {
  std::vector<std::vector<UnitId>> chunks;
  for (int64_t chunk = 0; chunk < placement.chunks; ++chunk) {
    const int64_t index = placement.part_of(stage, chunk), parts = placement.parts();
    std::vector<UnitId>& units = chunks.emplace_back();
    if (index == 0) units.push_back({UnitKind::embedding, 0});
    const Interval layers = part_layers(shape.layers, parts, index, layers_per_stage);
    for (int64_t layer = layers.begin; layer < layers.end; ++layer) units.push_back({UnitKind::block, layer});
    if (index == parts - 1) units.push_back({UnitKind::head, 0});
  }
  return chunks;
}

std::vector<UnitId> stage_units(const ModelShape& shape, const PipelinePlacement& placement, int64_t stage,
                                const std::vector<int64_t>& layers_per_stage) {
  std::vector<UnitId> units;
  for (const std::vector<UnitId>& chunk : stage_chunks(shape, placement, stage, layers_per_stage))
    units.insert(units.end(), chunk.begin(), chunk.end());
  return units;
}

namespace {

/// Writes down a unit's tensors under the family's Hugging Face names.
class Tensors {
 public:
  explicit Tensors(const ModelShape& shape) : shape_(shape), gpt_(shape.family == Family::gpt) {}

  void embedding(std::string name, int64_t rows) {
    add({std::move(name), rows, shape_.hidden, false, false, true, Init::normal, shape_.init_std});
  }

  /// `residual` projections of GPT-2 begin smaller by sqrt(2 x layers) (Radford et al. 2019, section 2.3).
  void linear(const std::string& name, int64_t out, int64_t in, bool residual = false) {
    const double std = gpt_ && residual ? shape_.init_std / std::sqrt(2.0 * shape_.layers) : shape_.init_std;
    add({name + ".weight", out, in, false, gpt_, true, Init::normal, std});
    if (shape_.bias) add({name + ".bias", out, 1, true, false, false, Init::zeros, 0});
  }

  void norm(const std::string& name) {
    add({name + ".weight", shape_.hidden, 1, true, false, false, Init::ones, 0});
    if (shape_.norm == Norm::layernorm) add({name + ".bias", shape_.hidden, 1, true, false, false, Init::zeros, 0});
  }

  std::vector<TensorInfo> take() { return std::move(tensors_); }

 private:
  void add(TensorInfo tensor) { tensors_.push_back(std::move(tensor)); }
  const ModelShape& shape_;
  bool gpt_;
  std::vector<TensorInfo> tensors_;
};

void gpt_block(Tensors& tensors, const ModelShape& shape, const std::string& prefix) {
  const int64_t query = shape.heads * shape.head_dim, key = shape.kv_heads * shape.head_dim;
  tensors.norm(prefix + "ln_1");
  tensors.linear(prefix + "attn.c_attn", query + 2 * key, shape.hidden);
  tensors.linear(prefix + "attn.c_proj", shape.hidden, query, /*residual=*/true);
  tensors.norm(prefix + "ln_2");
  tensors.linear(prefix + "mlp.c_fc", shape.ffn * (shape.activation == Activation::swiglu ? 2 : 1), shape.hidden);
  tensors.linear(prefix + "mlp.c_proj", shape.hidden, shape.ffn, /*residual=*/true);
}

void llama_block(Tensors& tensors, const ModelShape& shape, const std::string& prefix) {
  const int64_t query = shape.heads * shape.head_dim, key = shape.kv_heads * shape.head_dim;
  tensors.norm(prefix + "input_layernorm");
  tensors.linear(prefix + "self_attn.q_proj", query, shape.hidden);
  tensors.linear(prefix + "self_attn.k_proj", key, shape.hidden);
  tensors.linear(prefix + "self_attn.v_proj", key, shape.hidden);
  tensors.linear(prefix + "self_attn.o_proj", shape.hidden, query, /*residual=*/true);
  tensors.norm(prefix + "post_attention_layernorm");
  if (shape.activation == Activation::swiglu) tensors.linear(prefix + "mlp.gate_proj", shape.ffn, shape.hidden);
  tensors.linear(prefix + "mlp.up_proj", shape.ffn, shape.hidden);
  tensors.linear(prefix + "mlp.down_proj", shape.hidden, shape.ffn, /*residual=*/true);
}

}  // namespace

std::vector<TensorInfo> unit_tensors(const ModelShape& shape, const UnitId& unit) {
  const bool gpt = shape.family == Family::gpt;
  Tensors tensors(shape);
  switch (unit.kind) {
    case UnitKind::embedding:
      tensors.embedding(gpt ? "transformer.wte.weight" : "model.embed_tokens.weight", shape.vocab);
      if (shape.positions == Positions::learned)
        tensors.embedding(gpt ? "transformer.wpe.weight" : "model.embed_positions.weight", shape.max_positions);
      break;
    case UnitKind::block:
      if (gpt) {
        gpt_block(tensors, shape, fmt::format("transformer.h.{}.", unit.layer));
      } else {
        llama_block(tensors, shape, fmt::format("model.layers.{}.", unit.layer));
      }
      break;
    case UnitKind::head:
      tensors.norm(gpt ? "transformer.ln_f" : "model.norm");
      if (!shape.tie_embeddings) tensors.embedding("lm_head.weight", shape.vocab);
      break;
  }
  return tensors.take();
}

std::vector<TensorInfo> model_tensors(const ModelShape& shape) {
  std::vector<TensorInfo> all;
  for (const UnitId& unit : stage_units(shape, {}, 0, {}))
    for (TensorInfo& tensor : unit_tensors(shape, unit)) all.push_back(std::move(tensor));
  return all;
}

int64_t parameter_count(const ModelShape& shape) {
  int64_t count = 0;
  for (const TensorInfo& tensor : model_tensors(shape)) count += tensor.elements();
  return count;
}

}  // namespace llmrun
