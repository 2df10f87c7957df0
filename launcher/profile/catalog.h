#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace llmrun {

enum class ProfileKind { machine, model, recipe };
std::string_view profile_kind_name(ProfileKind kind);  // "machine"

/// What MODEL_SIZE_KEY or MODEL_ARCH names: a profile, and where the key says so the number of its layers.
struct ModelOfKey {
  std::string profile;
  std::optional<int64_t> layers;
};

/// The profiles there are: <directory>/{machines,models,recipes}/NAME.yaml. A name found in an earlier directory hides the same name in a
/// later one.
class Catalog {
 public:
  explicit Catalog(std::vector<std::filesystem::path> directories) : directories_(std::move(directories)) {}

  /// Sorted, each once.
  std::vector<std::string> names(ProfileKind kind) const;
  /// Throws Error(Exit::config) with the nearest name, at the place that `said` the name. `hidden`: 0 is the file that holds, 1 the one
  /// that it hides, and so on; empty where there are no more.
  std::filesystem::path find(ProfileKind kind, std::string_view name, size_t hidden = 0, std::optional<Place> said = {}) const;
  bool has(ProfileKind kind, std::string_view name) const;
  /// The machine whose `hosts` patterns fit: that of the earliest directory, and there the first name in order of the alphabet; nothing
  /// where none does. A profile without `hosts` that extends the one it hides has the patterns of that one.
  std::optional<std::string> machine_of_host(const std::string& host) const;
  /// The model among whose `keys` this is. A key "GPT145B_{2,4,80}L" stands for three, each with that many layers.
  std::optional<ModelOfKey> model_of_key(std::string_view key) const;
  std::vector<std::string> keys_of(std::string_view model) const;  // as its profile spells them
  std::vector<std::string> model_keys() const;                     // of all of them
  /// What is to be told of a directory that this user may not enter: it counts as one that is not there.
  std::optional<std::string> closed_directory() const;

 private:
  std::vector<std::string> hosts_of(const std::string& machine) const;

  std::vector<std::filesystem::path> directories_;
};

}  // namespace llmrun
