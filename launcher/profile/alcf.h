#pragma once
#include "launcher/profile/layer.h"
#include "launcher/profile/resolved.h"

namespace llmrun {

/// What the environment says in the words of the ALCF Megatron-DeepSpeed scripts, beyond the names in the field table.
///   MODEL_SIZE_KEY, MODEL_ARCH, SP_TYPE, USE_FLASH_ATTN*       always count; the first three bring the scripts' defaults along
///   the further names of the scripts of 2023                   count with MODEL_SIZE_KEY or SP_TYPE
///   the short names of the newer ones (TP, PP, LR, ...)        count with MODEL_ARCH
struct AlcfWords {
  std::vector<Layer> said;      // a layer a variable; one without keys is a rule
  std::vector<Layer> defaults;  // each called "alcf"; they lie below the run file: a default overrules nothing that somebody said
  ScriptRules rules;
  std::string size_key;  // MODEL_SIZE_KEY where it names a model
};

/// `others`: what people say in other ways; a default is left out where they say the same by another key. What cannot be is a complaint.
AlcfWords read_alcf_words(const Environment& environment, const std::filesystem::path& base, const Catalog& catalog,
                          const std::vector<Layer>& others, std::vector<Complaint>& complaints);

}  // namespace llmrun
