#include "engine/core/spec/hugging_face.h"

#include "engine/core/json.h"

namespace llmrun {
namespace {

/// The config.json of a model, read strictly: a missing or mistyped key and an unsupported value name the file.
class ModelFile {
 public:
  explicit ModelFile(std::filesystem::path path) : path_(std::move(path)), document_(read_json_file(path_, Exit::preflight)) {
    if (!document_.is_object()) refuse(" is not a JSON object");
  }

  /// The file is wrong; or it is right, and of a model that is not built.
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Exit::preflight, "'{}'{}", path_.string(), what).hint("python3 -m json.tool '{}'", path_.string());
  }
  [[noreturn]] void refuse_unbuilt(const std::string& what, const std::string& built) const {
    throw Error(Exit::preflight, "'{}': {} is not built yet", path_.string(), what)
        .because(built)
        .hint("--set model=NAME is a shape that is: llmrun profiles list");
  }

  bool has(const char* key) const { return document_.contains(key) && !document_[key].is_null(); }

  /// As text; a key that is missing or null is `otherwise`, or an error where that is empty.
  std::string text(const char* key, std::string otherwise = "") const {
    if (has(key)) {
      const json& value = document_[key];
      if (value.is_structured()) refuse(fmt::format(": '{}' is not a plain value", key));
      return value.is_string() ? value.get<std::string>() : value.dump();
    }
    if (otherwise.empty()) refuse(fmt::format(" has no '{}'", key));
    return otherwise;
  }

  void take(const char* key, const char* ours, std::string otherwise = "") { add(ours, text(key, std::move(otherwise))); }
  void add(const char* ours, std::string value) {
    section_.keys.push_back({ours, {}});
    section_.items.push_back(Value::scalar(std::move(value)));
  }

  void require(const char* key, std::initializer_list<std::string_view> taken) const {
    const std::string value = text(key, std::string(*taken.begin()));
    for (std::string_view good : taken)
      if (value == good) return;
    refuse_unbuilt(fmt::format("{} '{}'", key, value), fmt::format("only {} is", fmt::join(taken, " or ")));
  }

  /// In any file the older key "type" may stand for rope_type; a type that needs a number must have it.
  void take_rope_scaling(const std::string& type, const json& parameters) {
    if (type == "default") return;
    if (type != "linear" && type != "llama3") refuse_unbuilt(fmt::format("rope_type '{}'", type), "default, linear and llama3 are");
    Value scaling{.kind = Value::Kind::map};
    const auto put = [&](const char* ours, std::string value) {
      scaling.keys.push_back({ours, {}});
      scaling.items.push_back(Value::scalar(std::move(value)));
    };
    const auto number = [&](const char* theirs, const char* ours) {
      if (!parameters.contains(theirs) || !parameters[theirs].is_number())
        refuse(fmt::format(": rope_type '{}' without a number '{}'", type, theirs));
      put(ours, parameters[theirs].dump());
    };
    put("type", type);
    number("factor", "factor");
    if (type == "llama3") {
      number("low_freq_factor", "low_freq_factor");
      number("high_freq_factor", "high_freq_factor");
      number("original_max_position_embeddings", "original_positions");
    }
    section_.keys.push_back({"rope_scaling", {}});
    section_.items.push_back(std::move(scaling));
  }

  /// rope_scaling and rope_theta of transformers 4, rope_parameters of 5. Where a file has both, transformers takes rope_scaling unless it
  /// is null or empty.
  void take_rotary() {
    const char* key = document_.value("rope_scaling", json()).empty() ? "rope_parameters" : "rope_scaling";
    const json parameters = has(key) ? document_[key] : json::object();
    if (!parameters.is_object()) refuse(fmt::format(": '{}' is not an object", key));
    for (const auto& [name, value] : parameters.items())
      if (value.is_object()) refuse_unbuilt(fmt::format("'{}' of its own for '{}'", key, name), "one for all layers is");
    const json type = parameters.value("rope_type", parameters.value("type", json("default")));
    if (!type.is_string()) refuse(fmt::format(": rope_type {} is not a word", type.dump()));
    take_rope_scaling(type.get<std::string>(), parameters);
    add("rope_theta", parameters.contains("rope_theta") ? parameters["rope_theta"].dump() : text("rope_theta", "10000.0"));
  }

  Value section() { return std::move(section_); }

 private:
  std::filesystem::path path_;
  json document_;
  Value section_{.kind = Value::Kind::map};
};

// GPT2Config's defaults stand where the key is missing: old files leave many out.
void read_gpt2(ModelFile& file) {
  file.require("activation_function", {"gelu_new", "gelu_pytorch_tanh"});
  file.require("scale_attn_weights", {"true"});
  file.require("scale_attn_by_inverse_layer_idx", {"false"});
  file.require("add_cross_attention", {"false"});
  file.add("family", "gpt");
  file.add("positions", "learned");
  file.add("norm", "layernorm");
  file.add("activation", "gelu_tanh");
  file.take("n_layer", "layers");
  file.take("n_embd", "hidden");
  file.take("n_head", "heads");
  file.add("kv_heads", file.text("n_head"));
  if (file.has("n_inner")) file.take("n_inner", "ffn");
  file.take("vocab_size", "vocab");
  file.take("n_positions", "max_positions");
  file.take("layer_norm_epsilon", "norm_eps", "1e-05");
  file.take("initializer_range", "init_std", "0.02");
  file.take("tie_word_embeddings", "tie_embeddings", "true");
}

// LlamaConfig's defaults where the key is missing.
void read_llama(ModelFile& file) {
  file.require("hidden_act", {"silu"});
  file.require("attention_bias", {"false"});
  file.require("mlp_bias", {"false"});
  file.add("family", "llama");
  file.add("positions", "rotary");
  file.add("norm", "rmsnorm");
  file.add("activation", "swiglu");
  file.take("num_hidden_layers", "layers");
  file.take("hidden_size", "hidden");
  file.take("num_attention_heads", "heads");
  file.take("num_key_value_heads", "kv_heads", file.text("num_attention_heads"));
  if (file.has("head_dim")) file.take("head_dim", "head_dim");
  file.take("intermediate_size", "ffn");
  file.take("vocab_size", "vocab");
  file.take("max_position_embeddings", "max_positions");
  file.take("rms_norm_eps", "norm_eps", "1e-06");
  file.take("initializer_range", "init_std", "0.02");
  file.take("tie_word_embeddings", "tie_embeddings", "false");
  file.take_rotary();
}

}  // namespace

Value model_of_hugging_face(const std::filesystem::path& directory) {
  std::error_code unknown;  // what may not be looked at is told by who reads it
  if (!std::filesystem::exists(directory / "config.json", unknown) && !unknown)
    throw Error(Exit::preflight, "no model in '{}': {}", directory.string(),
                std::filesystem::exists(directory) ? "it has no config.json" : "there is no such directory")
        .hint("--set model.from=DIR, with config.json and *.safetensors");
  ModelFile file(directory / "config.json");
  const std::string type = file.text("model_type");
  if (type == "gpt2") {
    read_gpt2(file);
  } else if (type == "llama") {
    read_llama(file);
  } else {
    file.refuse_unbuilt(fmt::format("model_type '{}'", type), "gpt2 and llama are");
  }
  return Value::nested("model", file.section());
}

}  // namespace llmrun
