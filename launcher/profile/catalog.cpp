#include "launcher/profile/catalog.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "engine/core/error.h"
#include "engine/core/spec/nearest.h"
#include "launcher/profile/yaml.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const fs::path& directory, ProfileKind kind, std::string_view name) {
  return directory / fmt::format("{}s", profile_kind_name(kind)) / fmt::format("{}.yaml", name);
}

/// The words of a list (or of one scalar) under `key` of a profile.
std::vector<std::string> words_under(const fs::path& profile, std::string_view key) {
  std::vector<std::string> words;
  const Value tree = read_yaml_file(profile);
  const Value* value = tree.find(key);
  if (value && value->kind == Value::Kind::scalar) words.push_back(value->text);
  if (value && value->kind == Value::Kind::list)
    for (const Value& item : value->items) words.push_back(item.text);
  return words;
}

}  // namespace

std::string_view profile_kind_name(ProfileKind kind) {
  switch (kind) {
    case ProfileKind::machine:
      return "machine";
    case ProfileKind::model:
      return "model";
    case ProfileKind::recipe:
      break;
  }
  return "recipe";
}

std::vector<std::string> Catalog::names(ProfileKind kind) const {
  std::set<std::string> names;
  for (const fs::path& directory : directories_) {
    std::error_code missing;  // a directory that is not there holds no profiles
    for (const auto& file : fs::directory_iterator(file_of(directory, kind, "").parent_path(), missing))
      if (file.path().extension() == ".yaml") names.insert(file.path().stem().string());
  }
  return {names.begin(), names.end()};
}

bool Catalog::has(ProfileKind kind, std::string_view name) const {
  return !name.empty() && name.find('/') == std::string_view::npos &&
         std::any_of(directories_.begin(), directories_.end(),
                     [&](const fs::path& directory) { return fs::exists(file_of(directory, kind, name)); });
}

fs::path Catalog::find(ProfileKind kind, std::string_view name) const {
  if (has(kind, name))
    for (const fs::path& directory : directories_)
      if (fs::path file = file_of(directory, kind, name); fs::exists(file)) return file;
  const std::vector<std::string> known = names(kind);
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view near = nearest(name, candidates);
  Error error(Exit::config, "no {} profile '{}'", profile_kind_name(kind), name);
  if (!near.empty()) throw error.hint("did you mean '{}'?", near);
  throw error.hint("llmrun profiles list");
}

std::optional<std::string> Catalog::machine_of_host(const std::string& host) const {
  const std::string short_name = host.substr(0, host.find('.'));
  for (const std::string& name : names(ProfileKind::machine))
    for (const std::string& pattern : words_under(find(ProfileKind::machine, name), "hosts"))
      if (::fnmatch(pattern.c_str(), host.c_str(), 0) == 0 || ::fnmatch(pattern.c_str(), short_name.c_str(), 0) == 0) return name;
  return {};
}

std::optional<std::string> Catalog::model_of_key(std::string_view key) const {
  for (const std::string& name : names(ProfileKind::model)) {
    const std::vector<std::string> keys = words_under(find(ProfileKind::model, name), "keys");
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return name;
  }
  return {};
}

}  // namespace llmrun
