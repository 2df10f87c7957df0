#include "engine/core/spec/decode.h"

#include <algorithm>
#include <map>
#include <optional>

#include "engine/core/spec/nearest.h"

namespace llmrun {
namespace {

std::string joined(std::string_view section, std::string_view name) {
  return section.empty() ? std::string(name) : fmt::format("{}.{}", section, name);
}

/// Sends the reader to the key he meant: one beside it with a like name, or the same name in another section.
std::string hint_for_unknown(std::string_view section, const std::string& name) {
  const std::vector<std::string_view> beside = names_below(section);
  if (const std::string_view near = nearest(name, beside); !near.empty()) return fmt::format("did you mean '{}'?", joined(section, near));
  for (const Field& field : fields())
    if (field.path.ends_with("." + name)) return fmt::format("did you mean '{}'?", field.path);
  return section.empty() ? fmt::format("the sections are {}", fmt::join(beside, ", "))
                         : fmt::format("'{}' has {}", section, fmt::join(beside, ", "));
}

Value value_of(const json& document) {
  Value value;
  if (document.is_object()) {
    value.kind = Value::Kind::map;
    for (const auto& [key, item] : document.items()) {
      value.keys.push_back({key, {}});
      value.items.push_back(value_of(item));
    }
  } else if (document.is_array()) {
    value.kind = Value::Kind::list;
    for (const json& item : document) value.items.push_back(value_of(item));
  } else if (document.is_string()) {
    value.text = document.get<std::string>();
    value.quoted = true;
  } else {
    value.text = document.dump();
  }
  return value;
}

class Walk {
 public:
  Walk(Config& config, std::vector<Complaint>& complaints, const std::function<void(const Field&, const Value&)>& taken)
      : config_(config), complaints_(complaints), taken_(taken) {}

  void section(std::string_view path, const Value& value) {
    if (value.is_null()) return;  // a section whose keys are all commented out
    if (value.kind != Value::Kind::map && path.empty()) {
      complaints_.push_back(
          {fmt::format("not a map of sections: '{}'", value.shown()), value.place, {}, "write 'section:' and below it 'key: value'"});
      return;
    }
    if (value.kind != Value::Kind::map) {
      complaints_.push_back({fmt::format("'{}' is a section of keys, not a value: '{}'", path, value.shown()),
                             value.place,
                             {},
                             fmt::format("'{}' has {}", path, fmt::join(names_below(path), ", "))});
      return;
    }
    for (size_t i = 0; i < value.items.size(); ++i) key(path, value.keys[i], value.items[i]);
  }

 private:
  void key(std::string_view parent, const Value::Key& key, const Value& value) {
    const std::string path = joined(parent, key.text);
    if (const Field* field = find_field(path)) {
      if (const auto [same, fresh] = places_.try_emplace(path, key.place); fresh)
        take(*field, value);
      else
        complaints_.push_back({fmt::format("duplicate key '{}'", path),
                               key.place,
                               {fmt::format("'{}' stands in line {} already", path, same->second ? same->second->line : 0)},
                               "keep one of the two"});
    } else if (!key.text.empty() && key.text.find('.') == std::string::npos && !names_below(path).empty()) {
      section(path, value);
    } else {
      complaints_.push_back({fmt::format("unknown key '{}'", path), key.place, {}, hint_for_unknown(parent, key.text)});
    }
  }

  void take(const Field& field, const Value& value) {
    try {
      const bool derived = field.is_automatic && value.kind == Value::Kind::scalar && value.text == "auto";
      field.decode(derived ? value_of(field.value_in(Config{})) : value, field.rules, config_);
      taken_(field, value);
    } catch (BadValue& bad) {
      if (bad.hint.empty()) bad.hint = fmt::format("llmrun config schema --text {}", field.path);
      complaints_.push_back({fmt::format("{}: {}", field.path, bad.why), bad.place, {}, std::move(bad.hint)});
    }
  }

  Config& config_;
  std::vector<Complaint>& complaints_;
  const std::function<void(const Field&, const Value&)>& taken_;
  std::map<std::string, std::optional<Place>> places_;  // of the keys so far: "run.steps" and "run: {steps}" are one
};

/// The object in which the last part of `path` stands, made where it is missing; `path` becomes that part.
json& descend(json& root, std::string_view& path, std::string_view inside = "") {
  json* here = &root;
  for (size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    here = &(*here)[std::string(path.substr(0, dot))];
    if (!inside.empty()) {
      if (!here->contains("type")) *here = {{"type", "object"}, {"properties", json::object()}, {"additionalProperties", false}};
      here = &(*here)[std::string(inside)];
    }
    path.remove_prefix(dot + 1);
  }
  return *here;
}

std::string alternatives(const Field& field) {
  std::vector<std::string> values(field.built.begin(), field.built.end());
  const std::string default_value = field.default_shown();
  if (std::find(values.begin(), values.end(), default_value) == values.end())
    values.insert(values.begin(), default_value.empty() ? "empty" : default_value);
  return fmt::format("this version takes {} {}", field.path, fmt::join(values, " or "));
}

}  // namespace

void apply(const Value& tree, Config& config, std::vector<Complaint>& complaints,
           const std::function<void(const Field&, const Value&)>& taken) {
  Walk(config, complaints, taken).section("", tree);
}

bool is_built(const Field& field, const Config& config) {
  const std::string value = field.unbuilt.empty() ? "" : field.shown_in(config);
  return field.unbuilt.empty() || value == field.default_shown() ||
         std::find(field.built.begin(), field.built.end(), value) != field.built.end();
}

std::vector<Complaint> complain_of_unbuilt(const Config& config, const std::function<void(std::string_view path, Complaint&)>& locate) {
  std::vector<Complaint> complaints;
  for (const Field& field : fields()) {
    if (is_built(field, config)) continue;
    const std::string value = field.shown_in(config);
    const std::string feature = fmt::format(fmt::runtime(field.unbuilt), value);
    complaints.push_back({fmt::format("{} {}: {} is not built yet", field.path, value, feature), {}, {}, alternatives(field)});
    locate(field.path, complaints.back());
  }
  return complaints;
}

json to_json(const Config& config) {
  json document = json::object();
  for (const Field& field : fields()) {
    std::string_view name = field.path;
    json& section = descend(document, name);
    section[std::string(name)] = field.value_in(config);
  }
  return document;
}

Config config_from_json(const json& document) {
  Config config;
  std::vector<Complaint> complaints;
  apply(value_of(document), config, complaints);
  if (!complaints.empty()) throw Error(Exit::config, std::move(complaints));
  return config;
}

json config_schema() {
  json root = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", "llmrun run file"},
               {"type", "object"},
               {"additionalProperties", false},
               {"properties", {{"extends", {{"type", "string"}, {"description", "a recipe that this file builds on"}}}}}};
  for (const Field& field : fields()) {
    std::string_view name = field.path;
    json& section = descend(root["properties"], name, "properties");
    json form = field.form();
    form["description"] = field.help;
    form["default"] = field.is_automatic ? json("auto") : field.value_in(Config{});
    section[std::string(name)] = std::move(form);
  }
  for (const char* name : {"model", "machine"}) {  // a profile by its name alone, or extended
    json& section = root["properties"][name];
    section["properties"]["extends"] = {{"type", "string"}, {"description", fmt::format("a {} profile", name)}};
    section = {{"anyOf", {{{"type", "string"}, {"description", fmt::format("a {} profile", name)}}, section}}};
  }
  return root;
}

}  // namespace llmrun
