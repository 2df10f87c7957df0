#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/spec/config.h"

namespace llmrun {

/// One layer's word on a key.
struct Setting {
  std::string layer;  // "--set (command line)", "my-run.yaml", "machine profile 'polaris'", "environment SEQ_LEN"
  Place place;        // without a file where the layer is not one
  std::string value;  // as it was written
};

/// A configuration, and for each of its keys who set it. Keys are the paths of the field table ("parallel.tensor").
struct Resolved {
  Config config;
  std::string model_size_key;  // the spelling of MODEL_SIZE_KEY where it chose the model: the run's name keeps it
  std::map<std::string, std::vector<Setting>, std::less<>> settings;  // weakest first; the last one holds
  std::map<std::string, std::string, std::less<>> derived;            // keys that are `auto` and have got their value: by which rule

  /// Whether any layer says it: false means that the built-in default stands.
  bool is_set(std::string_view path) const { return settings.contains(path); }
  /// Where the value that holds was written; without a file where it was not in one. Fits Error::at.
  Place where(std::string_view path) const;
  /// "parallel.tensor 8 was set by --set (command line), over 4 from recipe 'long-sequence'". Fits Error::because.
  std::string set_by(std::string_view path) const;
};

}  // namespace llmrun
