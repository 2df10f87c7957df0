#include "launcher/profile/catalog.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "engine/core/error.h"
#include "engine/core/spec/nearest.h"
#include "engine/core/units.h"
#include "launcher/profile/yaml.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const fs::path& directory, ProfileKind kind, std::string_view name) {
  return directory / fmt::format("{}s", profile_kind_name(kind)) / fmt::format("{}.yaml", name);
}

/// The words of a list (or of one scalar) under `key` of a profile.
std::vector<std::string> words_under(const Value& profile, std::string_view key) {
  std::vector<std::string> words;
  const Value* value = profile.find(key);
  if (value && value->kind == Value::Kind::scalar) words.push_back(value->text);
  if (value && value->kind == Value::Kind::list)
    for (const Value& item : value->items) words.push_back(item.text);
  return words;
}

bool fits(const std::string& pattern, const std::string& host) { return ::fnmatch(pattern.c_str(), host.c_str(), 0) == 0; }

/// Whether `key` is a word of `pattern`, "GPT145B_{2,4,80}L"; the one inside the braces is then the number of layers.
bool fits_layers(std::string_view pattern, std::string_view key, std::optional<int64_t>& layers) {
  const size_t open = pattern.find('{'), close = pattern.find('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  const std::string_view before = pattern.substr(0, open), after = pattern.substr(close + 1);
  if (key.size() <= before.size() + after.size() || !key.starts_with(before) || !key.ends_with(after)) return false;
  const std::string_view word = key.substr(before.size(), key.size() - before.size() - after.size());
  for (std::string_view rest = pattern.substr(open + 1, close - open - 1); !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (rest.substr(0, comma) == word) {
      layers = parse_integer(word);
      return layers.has_value();
    }
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return false;
}

/// A directory that may not be entered holds no profiles.
bool is_there(const fs::path& file) {
  std::error_code closed;
  return fs::exists(file, closed);
}

/// Those of one directory, sorted.
std::vector<std::string> names_in(const fs::path& directory, ProfileKind kind) {
  std::vector<std::string> names;
  std::error_code missing;  // a directory that is not there holds no profiles
  for (const auto& file : fs::directory_iterator(file_of(directory, kind, "").parent_path(), missing))
    if (file.path().extension() == ".yaml") names.push_back(file.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
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
  for (const fs::path& directory : directories_)
    for (std::string& name : names_in(directory, kind)) names.insert(std::move(name));
  return {names.begin(), names.end()};
}

bool Catalog::has(ProfileKind kind, std::string_view name) const {
  return !name.empty() && name.find('/') == std::string_view::npos &&
         std::any_of(directories_.begin(), directories_.end(),
                     [&](const fs::path& directory) { return is_there(file_of(directory, kind, name)); });
}

fs::path Catalog::find(ProfileKind kind, std::string_view name, size_t hidden, std::optional<Place> said) const {
  if (has(kind, name)) {
    for (const fs::path& directory : directories_)
      if (fs::path file = file_of(directory, kind, name); is_there(file) && hidden-- == 0) return file;
    return {};
  }
  const std::vector<std::string> known = names(kind);
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view near = nearest(name, candidates);
  Error error(Exit::config, "no {} profile '{}'", profile_kind_name(kind), name);
  if (said) error.at(*std::move(said));
  if (!near.empty()) throw error.hint("did you mean '{}'?", near);
  throw error.hint("llmrun profiles list");
}

std::vector<std::string> Catalog::hosts_of(const std::string& machine) const {
  for (size_t hidden = 0;; ++hidden) {
    const fs::path file = find(ProfileKind::machine, machine, hidden);
    if (file.empty()) return {};
    const Value profile = read_yaml_file(file);
    const Value* below = profile.find("extends");
    if (profile.find("hosts") || !below || below->text != machine) return words_under(profile, "hosts");
  }
}

std::optional<std::string> Catalog::machine_of_host(const std::string& host) const {
  const std::string short_name = host.substr(0, host.find('.'));
  std::set<std::string> seen;
  for (const fs::path& directory : directories_)
    for (const std::string& name : names_in(directory, ProfileKind::machine)) {
      if (!seen.insert(name).second) continue;
      for (const std::string& pattern : hosts_of(name))
        if (fits(pattern, host) || fits(pattern, short_name)) return name;
    }
  return {};
}

std::optional<ModelOfKey> Catalog::model_of_key(std::string_view key) const {
  for (const std::string& name : names(ProfileKind::model))
    for (const std::string& known : keys_of(name)) {
      ModelOfKey model{name, {}};
      if (known == key || fits_layers(known, key, model.layers)) return model;
    }
  return {};
}

std::vector<std::string> Catalog::keys_of(std::string_view model) const {
  return words_under(read_yaml_file(find(ProfileKind::model, model)), "keys");
}

std::vector<std::string> Catalog::model_keys() const {
  std::vector<std::string> keys;
  for (const std::string& name : names(ProfileKind::model))
    for (std::string& key : keys_of(name)) keys.push_back(std::move(key));
  return keys;
}

std::optional<std::string> Catalog::closed_directory() const {
  for (const fs::path& directory : directories_) {
    std::error_code cause;
    if (!fs::exists(file_of(directory, ProfileKind::machine, ""), cause) && cause)
      return fmt::format("warning: '{}' counts as if it were not there: {}", directory.string(), cause.message());
  }
  return {};
}

}  // namespace llmrun
