#include "engine/core/shape_json.h"

#include <type_traits>

namespace llmrun {
namespace {

/// Calls `each(name, member)` for every number and flag of a shape: one list for writing and for reading.
template <typename Shape, typename Each>
void visit_sizes(Shape& shape, Each each) {
  each("layers", shape.layers);
  each("hidden", shape.hidden);
  each("heads", shape.heads);
  each("kv_heads", shape.kv_heads);
  each("head_dim", shape.head_dim);
  each("ffn", shape.ffn);
  each("vocab", shape.vocab);
  each("max_positions", shape.max_positions);
  each("rope_theta", shape.rope_theta);
  each("norm_eps", shape.norm_eps);
  each("bias", shape.bias);
  each("tie_embeddings", shape.tie_embeddings);
  each("init_std", shape.init_std);
  each("dropout", shape.dropout);
}
template <typename Shape, typename Each>
void visit_words(Shape& shape, Each each) {
  each("family", shape.family);
  each("positions", shape.positions);
  each("norm", shape.norm);
  each("activation", shape.activation);
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

json model_json(const ModelShape& shape) {
  json document;
  visit_words(shape, [&](const char* name, auto word) { document[name] = spelling(word); });
  visit_sizes(shape, [&](const char* name, auto size) { document[name] = size; });
  return document;
}

ModelShape model_from_json(const json& document) {
  ModelShape shape;
  visit_words(shape, [&](const char* name, auto& word) { word = word_from<std::remove_reference_t<decltype(word)>>(document, name); });
  visit_sizes(shape, [&](const char* name, auto& size) { document.at(name).get_to(size); });
  return shape;
}

}  // namespace llmrun
