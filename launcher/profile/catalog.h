#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmrun {

enum class ProfileKind { machine, model, recipe };
std::string_view profile_kind_name(ProfileKind kind);  // "machine"

/// The profiles there are: <directory>/{machines,models,recipes}/NAME.yaml. A name found in an earlier directory hides the same name in a
/// later one.
class Catalog {
 public:
  explicit Catalog(std::vector<std::filesystem::path> directories) : directories_(std::move(directories)) {}

  /// Sorted, each once.
  std::vector<std::string> names(ProfileKind kind) const;
  /// Throws Error(Exit::config) with the nearest name.
  std::filesystem::path find(ProfileKind kind, std::string_view name) const;
  bool has(ProfileKind kind, std::string_view name) const;
  /// The machine whose `hosts` patterns fit, by the first of its names in order of the alphabet; nothing where none does.
  std::optional<std::string> machine_of_host(const std::string& host) const;
  /// The model whose `keys` name this MODEL_SIZE_KEY.
  std::optional<std::string> model_of_key(std::string_view key) const;

 private:
  std::vector<std::filesystem::path> directories_;
};

}  // namespace llmrun
