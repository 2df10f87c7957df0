#include "engine/core/shape_json.h"

#include <type_traits>

#include "engine/core/spec/fields.h"

namespace llmrun {
namespace {

constexpr const char* kRopeType = "rope_scaling.type";

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
/// These came later: what a file lacks is as it was before.
template <typename Shape, typename Each>
void visit_rope(Shape& shape, Each each) {
  each("rope_scaling.factor", shape.rope_scaling.factor);
  each("rope_scaling.low_freq_factor", shape.rope_scaling.low_freq_factor);
  each("rope_scaling.high_freq_factor", shape.rope_scaling.high_freq_factor);
  each("rope_scaling.original_positions", shape.rope_scaling.original_positions);
}
template <typename Shape, typename Each>
void visit_words(Shape& shape, Each each) {
  each("family", shape.family);
  each("positions", shape.positions);
  each("norm", shape.norm);
  each("activation", shape.activation);
}

/// The value of KEY `path` of the configuration's table, held to that row's range: products of a few sizes then stay inside 63 bits.
int64_t size_from(const json& value, std::string_view path) {
  const int64_t size = whole_number(value);
  const Rules& rules = find_field(path)->rules;
  if (size < static_cast<int64_t>(*rules.least) || size > static_cast<int64_t>(*rules.most))
    throw std::invalid_argument(fmt::format("{} {} is out of range", path, size));
  return size;
}

int64_t axis_from(const json& layout, const char* axis) { return size_from(layout.at(axis), fmt::format("parallel.{}", axis)); }

void read(const json& document, const char* name, int64_t& size) { size = size_from(document.at(name), fmt::format("model.{}", name)); }
void read(const json& document, const char* name, double& number) { document.at(name).get_to(number); }
void read(const json& document, const char* name, bool& flag) { document.at(name).get_to(flag); }

}  // namespace

json layout_json(const Layout& layout) {
  return {{"tensor", layout.tensor},
          {"sequence_size", layout.sequence_size},
          {"context", layout.context},
          {"data", layout.data},
          {"pipeline", layout.pipeline}};
}

Layout layout_from_json(const json& from) {
  const Layout layout{axis_from(from, "tensor"), axis_from(from, "sequence_size"), axis_from(from, "context"), axis_from(from, "data"),
                      axis_from(from, "pipeline")};
  int64_t ranks = 1;
  for (const Axis axis : kAxes)
    if (__builtin_mul_overflow(ranks, layout.size(axis), &ranks)) throw std::invalid_argument("its layout has more than 2^63 ranks");
  return layout;
}

json model_json(const ModelShape& shape) {
  json document;
  visit_words(shape, [&](const char* name, auto word) { document[name] = spelling(word); });
  visit_sizes(shape, [&](const char* name, auto size) { document[name] = size; });
  document[kRopeType] = spelling(shape.rope_scaling.type);
  visit_rope(shape, [&](const char* name, auto size) { document[name] = size; });
  return document;
}

ModelShape model_from_json(const json& document) {
  ModelShape shape;
  visit_words(shape, [&](const char* name, auto& word) { word = word_from<std::remove_reference_t<decltype(word)>>(document, name); });
  visit_sizes(shape, [&](const char* name, auto& size) { read(document, name, size); });
  if (document.contains(kRopeType)) {
    shape.rope_scaling.type = word_from<RopeType>(document, kRopeType);
    visit_rope(shape, [&](const char* name, auto& size) { read(document, name, size); });
  }
  return shape;
}

}  // namespace llmrun
