#pragma once
#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/spec/config.h"

namespace llmrun {

/// One layer's word on a key.
struct Setting {
  std::string layer;  // "the command line", "my-run.yaml", "machine profile 'polaris'", "environment SEQ_LEN"
  Place place;        // without a file where the layer is not one
  std::string value;  // as it was written
};

/// What the ALCF scripts work out from numbers that nobody knows before the hosts are: launcher/plan/script_rules.h does it, for keys
/// that nobody set.
struct ScriptRules {
  bool tensor = false;           // parallel.tensor takes the ranks that the other axes leave
  bool sequence = false;         // parallel.sequence_size does; where none are left, there is no sequence parallelism
  bool whole_positions = false;  // train.seq_len is model.max_positions (read_config does that)
  bool by_machine = false;       // train.micro_batch, train.accumulate and parallel.tensor by machine_line and the number of nodes
  double warmup = 0;             // optimizer.warmup_steps as a share of the steps; 0: as it is
  bool any() const { return tensor || sequence || by_machine || warmup > 0; }
};

/// In it a job script hands Resolved::model_size_key on.
inline constexpr const char* kSizeKeyVariable = "LLMRUN_SIZE_KEY";

/// A configuration, and for each of its keys who set it. Keys are the paths of the field table ("parallel.tensor").
struct Resolved {
  Config config;
  std::string model_size_key;  // the spelling of MODEL_SIZE_KEY where it chose the model: the run's name keeps it
  std::map<std::string, std::vector<Setting>, std::less<>> settings;  // weakest first; the last one holds
  std::map<std::string, std::string, std::less<>> derived;            // keys that are `auto` and have got their value: by which rule
  std::vector<std::pair<std::string, std::string>> variables;         // of the environment, as they are set: those that have their way
  ScriptRules rules;
  std::vector<std::string> machine_line;  // the profiles that the machine's builds on, the furthest first, and itself
  std::vector<std::string> notes;         // what is to be told once
  bool node_is_said = false;              // a person named the machine or its GPUs: the node is not looked at
  /// Sections with a key that is none, or with a value that could not be read; "" where there is a section that is none. Empty but for who
  /// looks for contradictions in a configuration that is refused anyway.
  std::set<std::string, std::less<>> misread;

  /// Whether everything that was written in these sections counts.
  bool was_read(std::initializer_list<std::string_view> sections) const {
    return !misread.contains("") && std::none_of(sections.begin(), sections.end(), [&](auto name) { return misread.contains(name); });
  }
  /// Whether any layer says it: false means that the built-in default stands.
  bool is_set(std::string_view path) const { return settings.contains(path); }
  /// Where the value that holds was written; without a file where it was not in one. Fits Error::at.
  Place where(std::string_view path) const;
  /// "parallel.tensor 8 was set by the command line, over 4 from recipe 'long-sequence'". Fits Error::because.
  std::string set_by(std::string_view path) const;
  /// The file that the value of `path` stands in, or who else set it.
  void locate(std::string_view path, Complaint& complaint) const;
};

}  // namespace llmrun
