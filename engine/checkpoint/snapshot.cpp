#include "engine/checkpoint/snapshot.h"

#include <fmt/format.h>

#include <stdexcept>

#include "engine/core/spec/spellings.h"

namespace llmrun {
namespace {

template <typename E>
E word(const json& from, const char* key) {
  const auto text = from.at(key).get<std::string>();
  const auto value = from_spelling<E>(text);
  if (!value) throw std::invalid_argument(fmt::format("{} is '{}'", key, text));
  return *value;
}

}  // namespace

json layout_json(const Layout& layout) {
  return {{"tensor", layout.tensor},
          {"sequence_size", layout.sequence_size},
          {"context", layout.context},
          {"data", layout.data},
          {"pipeline", layout.pipeline}};
}

Layout layout_from_json(const json& from) {
  return {from.at("tensor"), from.at("sequence_size"), from.at("context"), from.at("data"), from.at("pipeline")};
}

json model_json(const ModelShape& model) {
  return {{"family", spelling(model.family)},
          {"layers", model.layers},
          {"hidden", model.hidden},
          {"heads", model.heads},
          {"kv_heads", model.kv_heads},
          {"head_dim", model.head_dim},
          {"ffn", model.ffn},
          {"vocab", model.vocab},
          {"max_positions", model.max_positions},
          {"positions", spelling(model.positions)},
          {"rope_theta", model.rope_theta},
          {"norm", spelling(model.norm)},
          {"norm_eps", model.norm_eps},
          {"activation", spelling(model.activation)},
          {"bias", model.bias},
          {"tie_embeddings", model.tie_embeddings},
          {"init_std", model.init_std},
          {"dropout", model.dropout}};
}

ModelShape model_from_json(const json& from) {
  ModelShape model;
  model.family = word<Family>(from, "family");
  model.layers = from.at("layers");
  model.hidden = from.at("hidden");
  model.heads = from.at("heads");
  model.kv_heads = from.at("kv_heads");
  model.head_dim = from.at("head_dim");
  model.ffn = from.at("ffn");
  model.vocab = from.at("vocab");
  model.max_positions = from.at("max_positions");
  model.positions = word<Positions>(from, "positions");
  model.rope_theta = from.at("rope_theta");
  model.norm = word<Norm>(from, "norm");
  model.norm_eps = from.at("norm_eps");
  model.activation = word<Activation>(from, "activation");
  model.bias = from.at("bias");
  model.tie_embeddings = from.at("tie_embeddings");
  model.init_std = from.at("init_std");
  model.dropout = from.at("dropout");
  return model;
}

}  // namespace llmrun
