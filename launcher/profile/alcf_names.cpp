#include "launcher/profile/alcf_names.h"

#include <array>

namespace llmrun {

std::span<const ScriptName> old_script_names() {
  static constexpr std::array kNames{ScriptName{"MODEL_TYPE", "model.family"},
                                     ScriptName{"GRADIENT_ACCUMULATION_STEPS", "train.accumulate"}};
  return kNames;
}

std::span<const ScriptName> new_script_names() {
  static constexpr std::array kNames{
      ScriptName{"NLAYERS", "model.layers"},
      ScriptName{"HIDDEN", "model.hidden"},
      ScriptName{"HEADS", "model.heads"},
      ScriptName{"ROPE_THETA", "model.rope_theta"},
      ScriptName{"TP", "parallel.tensor"},
      ScriptName{"PP", "parallel.pipeline"},
      ScriptName{"GRAD_ACC_STEPS", "train.accumulate"},
      ScriptName{"GLOBAL_BATCH", "train.global_batch"},
      ScriptName{"DTYPE", "train.precision"},
      ScriptName{"CLIP_GRAD", "train.clip_grad"},
      ScriptName{"LR", "optimizer.lr"},
      ScriptName{"LR_DECAY_STYLE", "optimizer.schedule"},
      ScriptName{"WEIGHT_DECAY", "optimizer.weight_decay"},
      ScriptName{"ADAM_EPS", "optimizer.eps"},
      ScriptName{"TRAIN_TOKENS", "run.tokens"},
      ScriptName{"TRAIN_ITER", "run.steps"},
      ScriptName{"TRAIN_ITERS", "run.steps"},
      ScriptName{"SAVE_INTERVAL", "checkpoint.every_steps"},
      ScriptName{"LOG_INTERVAL", "observe.every_steps"},
      ScriptName{"EVAL_INTERVAL", "observe.eval_every"},
  };
  return kNames;
}

std::span<const ScriptList> new_script_lists() {
  static const std::array kLists{
      ScriptList{"optimizer.betas", {{"ADAM_BETA1", "0.9"}, {"ADAM_BETA2", "0.95"}}},
      ScriptList{"data.split", {{"TRAIN_SPLIT", "990"}, {"VAL_SPLIT", "10"}, {"TEST_SPLIT", "0"}}},
  };
  return kLists;
}

std::span<const ScriptDefault> old_script_defaults() {
  static constexpr std::array kDefaults{
      ScriptDefault{"run.steps", "10", "run.tokens"},      ScriptDefault{"parallel.recompute", "full", ""},
      ScriptDefault{"train.seq_len", "2048", ""},          ScriptDefault{"train.micro_batch", "1", ""},
      ScriptDefault{"train.clip_grad", "1", ""},           ScriptDefault{"optimizer.lr", "1.5e-4", ""},
      ScriptDefault{"optimizer.min_lr", "1e-5", ""},       ScriptDefault{"optimizer.schedule", "cosine", ""},
      ScriptDefault{"optimizer.weight_decay", "1e-2", ""}, ScriptDefault{"checkpoint.every_steps", "1000", ""},
  };
  return kDefaults;
}

std::span<const ScriptDefault> new_script_defaults() {
  static constexpr std::array kDefaults{
      ScriptDefault{"run.tokens", "4673780159710", "run.steps"},
      ScriptDefault{"train.clip_grad", "1", ""},
      ScriptDefault{"optimizer.lr", "2e-4", ""},
      ScriptDefault{"optimizer.schedule", "cosine", ""},
      ScriptDefault{"optimizer.weight_decay", "0.1", ""},
      ScriptDefault{"optimizer.eps", "1e-5", ""},
      ScriptDefault{"checkpoint.every_steps", "50", ""},
  };
  return kDefaults;
}

std::vector<ScriptDefault> script_defaults_of(std::string_view model_profile, bool ulysses, bool is_new) {
  if (model_profile == "aurora-gpt-33b")  // its 78 heads and 6 key and value heads fit 6 tensor ranks
    return {{"parallel.tensor", "6", ""},
            {"parallel.zero", "2", ""},
            {"train.micro_batch", "1", ""},
            {"train.accumulate", "1", "train.global_batch"}};
  std::vector<ScriptDefault> defaults{{"parallel.zero", ulysses ? "3" : "1", ""}};
  if (!ulysses && !is_new) defaults.push_back({"parallel.sequence", "megatron", ""});
  return defaults;
}

}  // namespace llmrun
