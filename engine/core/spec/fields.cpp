#include "engine/core/spec/fields.h"

#include <algorithm>

namespace llmrun {

Field&& Field::range(double least, double most) && {
  rules.least = least;
  rules.most = most;
  return std::move(*this);
}

Field&& Field::at_least(double least) && {
  rules.least = least;
  return std::move(*this);
}

Field&& Field::above(double least) && {
  rules.least = least;
  rules.above_least = true;
  return std::move(*this);
}

Field&& Field::unit(Measure unit) && {
  rules.unit = unit;
  return std::move(*this);
}

Field&& Field::env(std::vector<std::string_view> names) && {
  environment = std::move(names);
  return std::move(*this);
}

Field&& Field::flag(std::string_view names, std::string_view value) && {
  option = names;
  option_value = value;
  return std::move(*this);
}

Field&& Field::one_of(std::vector<std::string_view> words_it_may_be) && {
  rules.words = std::move(words_it_may_be);
  return std::move(*this);
}

Field&& Field::automatic() && {
  is_automatic = true;
  return std::move(*this);
}

Field&& Field::file_path(std::vector<std::string_view> words_that_are_no_path) && {
  is_path = true;
  words = std::move(words_that_are_no_path);
  return std::move(*this);
}

Field&& Field::only(std::vector<std::string_view> values, std::string_view feature) && {
  built = std::move(values);
  unbuilt = feature;
  return std::move(*this);
}

std::string Field::environment_name() const {
  std::string name = "LLMRUN_";
  for (char c : path) name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

namespace {

std::string shown(const json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>();
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  if (!value.is_array()) return value.dump();
  std::string items;
  for (const json& item : value) items += (items.empty() ? "" : ", ") + shown(item);
  return "[" + items + "]";
}

}  // namespace

std::string Field::shown_in(const Config& config) const { return shown(value_in(config)); }

json Field::form() const {
  json form = schema(rules);
  return is_automatic ? json{{"anyOf", {form, {{"const", "auto"}}}}} : form;
}

std::string Field::default_shown() const {
  static const Config fresh;
  if (is_automatic) return "auto";
  return shown_in(fresh);
}

std::vector<std::string> Field::choices() const {
  json form = this->form();
  std::vector<std::string> found;
  if (form.contains("anyOf")) {  // an optional, or a union that holds no enum
    if (form["anyOf"].back().contains("const")) found.push_back("auto");
    form = form["anyOf"].front();
  }
  if (form.contains("enum")) {
    for (const json& word : form["enum"])
      if (word != "") found.push_back(word.get<std::string>());
  } else if (form.value("type", "") == "boolean") {
    found.insert(found.end(), {"true", "false"});
  }
  return found;
}

const Field* find_field(std::string_view path) {
  const auto all = fields();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Field& field) { return field.path == path; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string_view> names_below(std::string_view section) {
  std::vector<std::string_view> names;
  for (const Field& field : fields()) {
    std::string_view rest = field.path;
    if (!section.empty()) {
      if (!rest.starts_with(section) || rest.size() <= section.size() || rest[section.size()] != '.') continue;
      rest.remove_prefix(section.size() + 1);
    }
    const std::string_view name = rest.substr(0, rest.find('.'));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace llmrun
