#include "engine/core/plan.h"

#include "engine/core/spec/decode.h"

namespace llmrun {
namespace {

json layout_json(const Layout& layout) {
  return {{"tensor", layout.tensor},
          {"sequence_size", layout.sequence_size},
          {"context", layout.context},
          {"data", layout.data},
          {"pipeline", layout.pipeline}};
}

Layout layout_from(const json& document) {
  return {document.at("tensor"), document.at("sequence_size"), document.at("context"), document.at("data"), document.at("pipeline")};
}

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

json shape_json(const ModelShape& shape) {
  json document;
  visit_words(shape, [&](const char* name, auto word) { document[name] = spelling(word); });
  visit_sizes(shape, [&](const char* name, auto size) { document[name] = size; });
  return document;
}

template <typename E>
E word_from(const json& document, const char* name) {
  const std::string word = document.at(name);
  const std::optional<E> value = from_spelling<E>(word);
  if (!value) throw Error(Exit::config, "plan.json: '{}' is no value of '{}'", word, name);
  return *value;
}

ModelShape shape_from(const json& document) {
  ModelShape shape;
  visit_words(shape, [&](const char* name, auto& word) { word = word_from<std::remove_reference_t<decltype(word)>>(document, name); });
  visit_sizes(shape, [&](const char* name, auto& size) { document.at(name).get_to(size); });
  return shape;
}

json hosts_json(const std::vector<PlanHost>& hosts) {
  json list = json::array();
  for (const PlanHost& host : hosts) list.push_back({{"name", host.name}, {"slots", host.slots}});
  return list;
}

Plan decoded(const json& document) {
  Plan plan;
  plan.name = document.at("run").at("name");
  plan.dir = document.at("run").at("dir");
  plan.layout = layout_from(document.at("layout"));
  for (const json& host : document.at("hosts")) plan.hosts.push_back({host.at("name"), host.at("slots")});
  document.at("ranks_per_node").get_to(plan.ranks_per_node);
  plan.device = document.at("device") == "cuda" ? Device::cuda : Device::cpu;
  plan.communicator = word_from<CommunicatorKind>(document, "communicator");
  document.at("threads").get_to(plan.threads);
  document.at("steps").get_to(plan.steps);
  document.at("global_batch").get_to(plan.global_batch);
  document.at("accumulate").get_to(plan.accumulate);
  plan.model = shape_from(document.at("model"));
  plan.config = config_from_json(document.at("config"));
  if (document.at("ranks") != plan.ranks())
    throw Error(Exit::config, "plan.json: {} ranks, but its layout makes {}", document.at("ranks").dump(), plan.ranks());
  return plan;
}

}  // namespace

json to_json(const Plan& plan) {
  return {{"version", Plan::kVersion},
          {"run", {{"name", plan.name}, {"dir", plan.dir}}},
          {"ranks", plan.ranks()},
          {"layout", layout_json(plan.layout)},
          {"ranks_per_node", plan.ranks_per_node},
          {"hosts", hosts_json(plan.hosts)},
          {"device", plan.device == Device::cuda ? "cuda" : "cpu"},
          {"communicator", spelling(plan.communicator)},
          {"threads", plan.threads},
          {"steps", plan.steps},
          {"global_batch", plan.global_batch},
          {"accumulate", plan.accumulate},
          {"model", shape_json(plan.model)},
          {"config", to_json(plan.config)}};
}

Plan plan_from_json(const json& document) {
  try {
    if (const int64_t version = document.at("version"); version != Plan::kVersion)
      throw Error(Exit::config, "plan.json has version {}, this llmrun-rank reads version {}", version, Plan::kVersion)
          .hint("run 'llmrun train' again: it writes a new plan");
    return decoded(document);
  } catch (const json::exception& failure) {
    throw Error(Exit::config, "plan.json is not a plan: {}", failure.what()).hint("run 'llmrun train' again: it writes a new plan");
  }
}

Plan read_plan(const std::filesystem::path& path) { return plan_from_json(read_json_file(path, Exit::config)); }

}  // namespace llmrun
