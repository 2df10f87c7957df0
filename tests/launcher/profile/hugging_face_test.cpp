#include "engine/core/spec/hugging_face.h"

#include <fstream>

#include "engine/core/json.h"
#include "engine/core/spec/decode.h"
#include "launcher/profile/layers.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

const json kGpt2 = {{"model_type", "gpt2"}, {"n_layer", 4}, {"n_embd", 64}, {"n_head", 4}, {"n_positions", 128}, {"vocab_size", 256}};
const json kLlama = {{"model_type", "llama"},         {"num_hidden_layers", 4}, {"hidden_size", 64},
                     {"num_attention_heads", 8},      {"vocab_size", 256},      {"intermediate_size", 176},
                     {"max_position_embeddings", 128}};

json with(json document, const json& changes) {
  document.update(changes);
  return document;
}

/// The model that a config.json gives.
ModelConfig model_of(const json& document, std::vector<std::string> sets = {}) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "config.json") << document.dump();
  sets.push_back("model.from=" + directory.path().string());
  return read_config({.sets = std::move(sets), .host = "here", .directory = "/"}).config.model;
}

std::string refusal(const json& document) {
  try {
    model_of(document);
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK_MESSAGE(error.complaints().back().hint != "", error.what());
    return error.what();
  }
  return "taken";
}

bool refused_with(const json& document, const std::string& words) { return refusal(document).find(words) != std::string::npos; }

}  // namespace

TEST_CASE("a GPT-2 directory gives the GPT shape, its own defaults where a key is missing") {
  const ModelConfig model = model_of(kGpt2);
  CHECK(model.family == Family::gpt);
  CHECK(model.layers == 4);
  CHECK(model.hidden == 64);
  CHECK(model.heads == 4);
  CHECK(model.kv_heads == 4);
  CHECK(!model.ffn);  // 4 x hidden
  CHECK(model.vocab == 256);
  CHECK(model.max_positions == 128);
  CHECK(model.positions == Positions::learned);
  CHECK(model.norm == Norm::layernorm);
  CHECK(model.norm_eps == 1e-5);
  CHECK(model.activation == Activation::gelu_tanh);
  CHECK(model.tie_embeddings == true);
  CHECK(model.dropout == 0.0);
  CHECK(model_of(with(kGpt2, {{"n_inner", 100}, {"resid_pdrop", 0.1}, {"attn_pdrop", 0.1}})).ffn == 100);
}

TEST_CASE("a Llama directory gives the Llama shape, from transformers 4 and 5") {
  const ModelConfig model = model_of(with(
      kLlama, {{"num_key_value_heads", 4}, {"head_dim", 8}, {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 500000.0}}}}));
  CHECK(model.family == Family::llama);
  CHECK(model.kv_heads == 4);
  CHECK(model.head_dim == 8);
  CHECK(model.ffn == 176);
  CHECK(model.rope_theta == 500000);
  CHECK(model.norm == Norm::rmsnorm);
  CHECK(model.norm_eps == 1e-6);
  CHECK(model.tie_embeddings == false);
  CHECK(model_of(kLlama).kv_heads == 8);
  CHECK(model_of(with(kLlama, {{"rope_theta", 123.0}, {"rope_scaling", nullptr}})).rope_theta == 123);
}

TEST_CASE("a stretched rotary embedding is read as Llama 3.1's files have it, and as older ones do") {
  const json llama31 = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 8192}};
  const RopeScaling scaling = model_of(with(kLlama, {{"rope_theta", 500000.0}, {"rope_scaling", llama31}})).rope_scaling;
  CHECK((scaling == RopeScaling{RopeType::llama3, 8, 1, 4, 8192}));
  CHECK((model_of(with(kLlama, {{"rope_scaling", {{"type", "linear"}, {"factor", 2}}}})).rope_scaling == RopeScaling{RopeType::linear, 2}));
}

TEST_CASE("of two rotary keys the one counts that counts in transformers") {
  const json linear = {{"rope_type", "linear"}, {"factor", 2}}, plain = {{"rope_type", "default"}, {"rope_theta", 500000.0}};
  const auto read = [](const json& scaling, const json& parameters) {
    return model_of(with(kLlama, {{"rope_theta", 123.0}, {"rope_scaling", scaling}, {"rope_parameters", parameters}}));
  };
  CHECK(read(linear, plain).rope_scaling.type == RopeType::linear);
  CHECK(read(linear, plain).rope_theta == 123);
  CHECK(read(linear, nullptr).rope_scaling.type == RopeType::linear);
  for (const json& nothing : {json(), json::object()}) {
    CHECK(read(nothing, linear).rope_scaling.type == RopeType::linear);
    CHECK(read(nothing, plain).rope_theta == 500000);
  }
}

TEST_CASE("what these architectures do not do here is refused by name") {
  CHECK(refused_with(with(kLlama, {{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 8}}}}), "rope_type 'yarn' is not built yet"));
  CHECK(refused_with(with(kLlama, {{"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}}}}),
                     "rope_type 'llama3' without a number 'low_freq_factor'"));
  CHECK(refused_with(with(kLlama, {{"rope_scaling", {{"type", "linear"}}}}), "rope_type 'linear' without a number 'factor'"));
  CHECK(refused_with(with(kLlama, {{"rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}}}),
                     "'rope_parameters' of its own for 'full_attention' is not built yet"));
  CHECK(refused_with(with(kLlama, {{"attention_bias", true}}), "attention_bias 'true' is not built yet"));
  CHECK(refused_with(with(kLlama, {{"mlp_bias", true}}), "mlp_bias 'true' is not built yet"));
  CHECK(refused_with(with(kLlama, {{"hidden_act", "gelu"}}), "hidden_act 'gelu' is not built yet"));
  CHECK(refused_with(with(kGpt2, {{"activation_function", "relu"}}), "activation_function 'relu' is not built yet"));
  CHECK(refused_with(with(kGpt2, {{"scale_attn_by_inverse_layer_idx", true}}), "scale_attn_by_inverse_layer_idx"));
  CHECK(refused_with(with(kGpt2, {{"model_type", "bert"}}), "model_type 'bert' is not built yet"));
}

TEST_CASE("a broken directory is told with its path") {
  CHECK(refused_with({{"model_type", "gpt2"}}, "/config.json' has no 'n_layer'"));
  CHECK(refused_with(json::array(), "/config.json' is not a JSON object"));
  CHECK(refused_with(with(kLlama, {{"rope_parameters", {{"rope_type", 5}}}}), "rope_type 5 is not a word"));
  CHECK(refused_with(with(kLlama, {{"rope_scaling", "linear"}}), "'rope_scaling' is not an object"));
  CHECK(refused_with(with(kGpt2, {{"n_layer", json::array({1})}}), "'n_layer' is not a plain value"));
  CHECK_THROWS_WITH(read_config({.sets = {"model.from=/nowhere"}, .host = "here", .directory = "/"}),
                    "no model in '/nowhere': there is no such directory");
  CHECK_THROWS_WITH(read_config({.sets = {"model.from=/usr"}, .host = "here", .directory = "/"}),
                    "no model in '/usr': it has no config.json");
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "config.json") << "{\"a\": ";
  CHECK_THROWS_AS(model_of_hugging_face(directory.path()), Error);
}

TEST_CASE("a shape that contradicts the directory's is a complaint, the same shape is not") {
  CHECK(model_of(kGpt2, {"model.layers=4", "model.init_std=0.01", "model.dropout=0.1"}).init_std == 0.01);
  try {
    model_of(kGpt2, {"model.layers=2", "model.heads=8"});
    FAIL("took it");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::config);
    REQUIRE(error.complaints().size() == 2);
    CHECK(error.complaints()[0].what.starts_with("model.layers 2 contradicts 4 of '"));
  }
}
