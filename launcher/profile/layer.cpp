#include "launcher/profile/layer.h"

#include <algorithm>

#include "engine/core/spec/fields.h"
#include "engine/core/spec/nearest.h"
#include "launcher/profile/text_check.h"
#include "launcher/profile/yaml.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "LLMRUN_";
constexpr std::string_view kSentencePiece = "spm:";
constexpr std::string_view kCommandLine = "the command line";

/// A word of the environment or the command line. Empty means empty text there, not "no value".
Value word(std::string text) {
  Value value = Value::scalar(std::move(text));
  value.quoted = value.text.empty();
  return value;
}

Value comma_list(std::string_view text) {
  Value list{.kind = Value::Kind::list};
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    list.items.push_back(word(std::string(text.substr(0, comma))));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return list;
}

void forget_places(Value& value) {
  value.place = {};
  for (Value::Key& key : value.keys) key.place = {};
  for (Value& item : value.items) forget_places(item);
}

Value value_of_text(std::string_view path, const std::string& text) {
  if (text.starts_with('[') || text.starts_with('{')) {
    Value value = read_yaml(text, "");
    forget_places(value);
    return value;
  }
  const Field* field = find_field(path);
  return field && field->is_list ? comma_list(text) : word(text);
}

/// Keeps going where one variable or one --set is beyond reading.
void add_layer(std::vector<Layer>& layers, std::vector<Complaint>& complaints, std::string name, std::string_view path,
               const std::string& text, const fs::path& base) {
  if (!is_utf8(text)) {
    complaints.push_back(
        {fmt::format("{}: bytes that are not UTF-8", path), {}, {fmt::format("set by {}", name)}, "write it in UTF-8: locale"});
    return;
  }
  try {
    layers.push_back({std::move(name), Value::nested(path, value_of_text(path, text)), base});
  } catch (const Error& error) {
    for (const Complaint& complaint : error.complaints())
      complaints.push_back({fmt::format("{}: {}", path, complaint.what), {}, {fmt::format("in '{}'", text)}, complaint.hint});
  }
}

std::vector<std::string> known_variables() {
  std::vector<std::string> names;
  for (const Field& field : fields()) names.push_back(field.environment_name());
  return names;
}

/// LLMRUN_PARALLEL_TENSR must not be lost silently. Other LLMRUN_ names (LLMRUN_PROFILES, ...) are not ours to judge.
void complain_of_unknown_variables(const Environment& environment, std::vector<Complaint>& complaints) {
  const std::vector<std::string> known = known_variables();
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  for (const auto& variable : environment) {
    const std::string& name = variable.first;
    if (!name.starts_with(kPrefix) || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const bool names_a_section = std::any_of(known.begin(), known.end(), [&](const std::string& other) {
      const size_t end = other.find('_', kPrefix.size());
      return name.starts_with(other.substr(0, end + 1));
    });
    if (!names_a_section) continue;
    const std::string_view near = nearest(name, candidates);
    complaints.push_back({fmt::format("unknown key '{}' in the environment", name),
                          {},
                          {},
                          near.empty() ? fmt::format("unset {}", name) : fmt::format("did you mean '{}'?", near)});
  }
}

/// Where relative paths of a layer begin, and "~/".
struct Anchors {
  fs::path base;
  std::string home;
};

void anchor(Value& value, const Field& field, const Anchors& anchors) {
  if (value.kind == Value::Kind::scalar) {
    if (value.is_null() || value.text.empty() || std::find(field.words.begin(), field.words.end(), value.text) != field.words.end()) return;
    const std::string_view prefix = value.text.starts_with(kSentencePiece) ? kSentencePiece : "";
    std::string path = value.text.substr(prefix.size());
    if (!anchors.home.empty() && (path == "~" || path.starts_with("~/"))) path.replace(0, 1, anchors.home);
    value.text = std::string(prefix) + (anchors.base / path).lexically_normal().string();
    return;
  }
  for (size_t i = 0; i < value.items.size(); ++i)
    if (value.kind == Value::Kind::list || value.keys[i].text == "path") anchor(value.items[i], field, anchors);
}

}  // namespace

std::vector<Layer> environment_layers(const Environment& environment, bool short_names, const fs::path& base,
                                      std::vector<Complaint>& complaints) {
  std::vector<Layer> layers;
  const auto take = [&](const std::string& name, std::string_view path) {
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty()) return;  // `SEQ_LEN= llmrun ...` is as good as unset
    add_layer(layers, complaints, "environment " + name, path, found->second, base);
  };
  take("LLMRUN_MACHINE", "machine");
  take("LLMRUN_MODEL", "model");
  for (const Field& field : fields()) {
    if (short_names)
      for (std::string_view name : field.environment) take(std::string(name), field.path);
    take(field.environment_name(), field.path);
  }
  complain_of_unknown_variables(environment, complaints);
  return layers;
}

std::vector<Layer> command_line_layers(const std::vector<std::string>& sets, const fs::path& base, std::vector<Complaint>& complaints) {
  std::vector<Layer> layers;
  for (const std::string& set : sets) {
    const size_t equals = set.find('=');
    if (equals == std::string::npos || equals == 0) {
      complaints.push_back({fmt::format("'--set {}' is not key=value", set), {}, {}, "--set parallel.tensor=2"});
      continue;
    }
    add_layer(layers, complaints, std::string(kCommandLine), set.substr(0, equals), set.substr(equals + 1), base);
  }
  return layers;
}

std::optional<Value> take_extends(Value& map) {
  for (size_t i = 0; i < map.keys.size(); ++i) {
    if (map.keys[i].text != "extends") continue;
    Value name = std::move(map.items[i]);
    map.keys.erase(map.keys.begin() + static_cast<std::ptrdiff_t>(i));
    map.items.erase(map.items.begin() + static_cast<std::ptrdiff_t>(i));
    if (name.kind != Value::Kind::scalar || name.is_null())
      throw Error(Exit::config, "'extends' wants a name, not '{}'", name.shown()).at(name.place);
    return name;
  }
  return {};
}

std::vector<Layer> profile_layers(const Catalog& catalog, ProfileKind kind, Value name) {
  std::vector<Layer> strongest_first;
  std::vector<std::string> seen;
  for (std::optional<Value> said = std::move(name); said;) {
    const std::string next = said->text;
    const auto times = static_cast<size_t>(std::count(seen.begin(), seen.end(), next));
    const fs::path file = catalog.find(kind, next, times, said->place);  // a site's own polaris may extend the one that it hides
    if (file.empty())
      throw Error(Exit::config, "{} profile '{}' extends itself", profile_kind_name(kind), next)
          .because(fmt::format("{} -> {}", fmt::join(seen, " -> "), next))
          .hint("let one of them stand alone, without 'extends'");
    seen.push_back(next);
    Value tree = read_yaml_file(file);
    said = take_extends(tree);
    if (kind != ProfileKind::recipe) {
      if (strongest_first.empty()) {  // those below it are only its parts
        tree.keys.push_back({"profile", {}});
        tree.items.push_back(word(next));
      }
      tree = Value::nested(profile_kind_name(kind), std::move(tree));
    }
    const std::string label = kind == ProfileKind::recipe ? "recipe" : fmt::format("{} profile", profile_kind_name(kind));
    strongest_first.push_back({fmt::format("{} '{}'", label, next), std::move(tree), fs::absolute(file).parent_path(), next});
  }
  return {std::make_move_iterator(strongest_first.rbegin()), std::make_move_iterator(strongest_first.rend())};
}

const Value* value_at(const Value& tree, std::string_view path) {
  const Value* here = &tree;
  while (here && !path.empty()) {
    const std::string_view name = path.substr(0, path.find('.'));
    here = here->find(name);
    path.remove_prefix(std::min(name.size() + 1, path.size()));
  }
  return here;
}

void anchor_paths(Layer& layer, const std::string& home) {
  const Anchors anchors{layer.base, home};
  for (const Field& field : fields())
    if (field.is_path)
      if (const Value* here = value_at(layer.tree, field.path)) anchor(const_cast<Value&>(*here), field, anchors);
}

}  // namespace llmrun
