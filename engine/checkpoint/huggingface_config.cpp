#include "engine/checkpoint/huggingface.h"
#include "engine/core/spec/spellings.h"

namespace llmrun {
namespace {

void require(bool expressible, const char* architecture, std::string_view what) {
  if (!expressible) throw Error(Exit::failed, "cannot export to Hugging Face: {} has no {}", architecture, what);
}

json gpt2_config(const ModelShape& model) {
  constexpr const char* kArchitecture = "GPT2LMHeadModel";
  require(model.positions == Positions::learned, kArchitecture, "rotary positions");
  require(model.norm == Norm::layernorm, kArchitecture, "rmsnorm");
  require(model.activation == Activation::gelu_tanh, kArchitecture, "swiglu");
  require(model.kv_heads == model.heads, kArchitecture, "grouped KV heads");
  require(model.heads * model.head_dim == model.hidden, kArchitecture, "head size of its own");
  return {{"architectures", {kArchitecture}},
          {"model_type", "gpt2"},
          {"activation_function", "gelu_new"},
          {"attn_pdrop", 0.0},
          {"embd_pdrop", model.dropout},
          {"resid_pdrop", model.dropout},
          {"initializer_range", model.init_std},
          {"layer_norm_epsilon", model.norm_eps},
          {"n_embd", model.hidden},
          {"n_head", model.heads},
          {"n_inner", model.ffn},
          {"n_layer", model.layers},
          {"n_positions", model.max_positions},
          {"vocab_size", model.vocab}};
}

json rope_scaling(const RopeScaling& scaling) {
  json parameters = {{"rope_type", spelling(scaling.type)}};
  if (scaling.type != RopeType::standard) parameters["factor"] = scaling.factor;
  if (scaling.type == RopeType::llama3) {
    parameters["low_freq_factor"] = scaling.low_freq_factor;
    parameters["high_freq_factor"] = scaling.high_freq_factor;
    parameters["original_max_position_embeddings"] = scaling.original_positions;
  }
  return parameters;
}

json llama_config(const ModelShape& model) {
  constexpr const char* kArchitecture = "LlamaForCausalLM";
  require(model.positions == Positions::rotary, kArchitecture, "learned positions");
  require(model.norm == Norm::rmsnorm, kArchitecture, "layernorm");
  require(model.activation == Activation::swiglu, kArchitecture, "gelu_tanh without gate");
  const json scaling = rope_scaling(model.rope_scaling);
  json parameters = scaling;
  parameters["rope_theta"] = model.rope_theta;
  return {{"architectures", {kArchitecture}},
          {"model_type", "llama"},
          {"attention_bias", model.bias},
          {"attention_dropout", 0.0},
          {"head_dim", model.head_dim},
          {"hidden_act", "silu"},
          {"hidden_size", model.hidden},
          {"initializer_range", model.init_std},
          {"intermediate_size", model.ffn},
          {"max_position_embeddings", model.max_positions},
          {"mlp_bias", model.bias},
          {"num_attention_heads", model.heads},
          {"num_hidden_layers", model.layers},
          {"num_key_value_heads", model.kv_heads},
          {"rms_norm_eps", model.norm_eps},
          {"rope_theta", model.rope_theta},  // transformers 4, and rope_scaling
          {"rope_scaling", scaling.at("rope_type") == "default" ? json() : scaling},
          {"rope_parameters", parameters},  // transformers 5
          {"vocab_size", model.vocab}};
}

}  // namespace

json huggingface_config(const ModelShape& model, const std::string& dtype) {
  json config = model.family == Family::gpt ? gpt2_config(model) : llama_config(model);
  config["tie_word_embeddings"] = model.tie_embeddings;
  config["dtype"] = dtype;           // transformers 5
  config["torch_dtype"] = dtype;     // transformers 4
  config["bos_token_id"] = nullptr;  // the tokenizer's business, which is not exported
  config["eos_token_id"] = nullptr;
  config["use_cache"] = true;
  return config;
}

}  // namespace llmrun
