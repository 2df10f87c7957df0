#pragma once
#include <span>
#include <string_view>
#include <vector>

namespace llmrun {

// What the ALCF Megatron-DeepSpeed scripts call our keys, and what they take where nobody says anything: plain data. Names that always
// count (SEQ_LEN, MPSIZE, ...) stand in the field table. Sources: ALCF/pre-AuroraGPT/args.sh (2023) and ALCF/helpers.sh (2024 on).

/// A variable that is another name for a key.
struct ScriptName {
  std::string_view name;
  std::string_view path;
};

/// A value that a script takes by itself, unless somebody sets `unless`, which says the same thing in another way.
struct ScriptDefault {
  std::string_view path;
  std::string_view value;
  std::string_view unless;
};

/// Variables that make one list together; each has a default, used where one of the others is set.
struct ScriptList {
  std::string_view path;
  std::vector<ScriptName> parts;  // name and default
};

std::span<const ScriptName> old_script_names();  // count with MODEL_SIZE_KEY or SP_TYPE
std::span<const ScriptName> new_script_names();  // count with MODEL_ARCH; of two names of a key, the later one holds
std::span<const ScriptList> new_script_lists();  // so do these
/// fp16, and the optimizer in host memory, are left out: bf16 is as fast and overflows nowhere, and the second is slow.
std::span<const ScriptDefault> old_script_defaults();
std::span<const ScriptDefault> new_script_defaults();
/// What depends on the kind of sequence parallelism and on the model. `ulysses`: SP_TYPE=ds.
std::vector<ScriptDefault> script_defaults_of(std::string_view model_profile, bool ulysses, bool is_new);

/// Shares of the steps in which the learning rate rises.
constexpr double kOldWarmup = 0.01;
constexpr double kNewWarmup = 0.05;

}  // namespace llmrun
