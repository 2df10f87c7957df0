#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/spec/value.h"
#include "launcher/profile/catalog.h"

namespace llmrun {

/// One source's say: a tree of the keys it sets, and what it is called when someone asks who set them.
struct Layer {
  std::string name;            // "my-run.yaml", "the command line", "environment SEQ_LEN"
  Value tree;                  // a map of sections
  std::filesystem::path base;  // relative paths in it start here
  std::string profile = {};    // the profile that it is
};

using Environment = std::map<std::string, std::string>;

/// LLMRUN_PARALLEL_TENSOR and, with `short_names`, the further names of the field table (SEQ_LEN), a layer a variable. An unknown
/// LLMRUN_<section>_... is a complaint.
std::vector<Layer> environment_layers(const Environment& environment, bool short_names, const std::filesystem::path& base,
                                      std::vector<Complaint>& complaints);

/// `--set key=value`, a layer each. A list is [a, b] or a,b; a value that opens a bracket or a brace is read as YAML.
std::vector<Layer> command_line_layers(const std::vector<std::string>& sets, const std::filesystem::path& base,
                                       std::vector<Complaint>& complaints);

/// A profile and those it extends, the furthest first. `tree` holds the profile's keys below the section of its kind; a recipe's are
/// sections already. `name` knows where it was said.
std::vector<Layer> profile_layers(const Catalog& catalog, ProfileKind kind, Value name);

/// Takes `extends: NAME` (of a map that may have one) out of `map`.
std::optional<Value> take_extends(Value& map);

/// What stands under "parallel.tensor" in a tree of sections; null where nothing does.
const Value* value_at(const Value& tree, std::string_view path);

/// Makes the paths in a layer absolute. "~/", which a shell leaves as it is behind '=' and YAML always, begins at `home`.
void anchor_paths(Layer& layer, const std::string& home);

}  // namespace llmrun
