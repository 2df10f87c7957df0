#include "launcher/render/template.h"

#include <fmt/ranges.h>

#include <kainjow/mustache.hpp>
#include <set>

#include "engine/core/file.h"
#include "launcher/profile/site_directories.h"
#include "launcher/render/shell.h"

namespace llmrun {
namespace {

using kainjow::mustache::data;

data to_mustache(const json& value) {
  switch (value.type()) {
    case json::value_t::object: {
      data object(data::type::object);
      for (const auto& [key, item] : value.items()) object.set(key, to_mustache(item));
      return object;
    }
    case json::value_t::array: {
      data list(data::type::list);
      for (const json& item : value) list.push_back(to_mustache(item));
      return list;
    }
    case json::value_t::boolean:
      return data(value.get<bool>() ? data::type::bool_true : data::type::bool_false);
    case json::value_t::null:
      return data(data::type::bool_false);
    case json::value_t::string:
      return data(value.get<std::string>());
    default:
      return data(value.dump());
  }
}

/// Remembers the names that nobody gave.
class StrictContext : public kainjow::mustache::context<std::string> {
 public:
  using context::context;
  const data* get(const std::string& name) const override {
    const data* found = context::get(name);
    if (found == nullptr) missing_.insert(name);
    return found;
  }
  const std::set<std::string>& missing() const { return missing_; }

 private:
  mutable std::set<std::string> missing_;
};

}  // namespace

std::vector<std::filesystem::path> template_directories(const Variables& environment) {
  return site_directories(environment.all(), "LLMRUN_TEMPLATES", "templates");
}

Template find_template(std::string_view name, const std::vector<std::filesystem::path>& directories) {
  std::error_code closed;  // a directory that may not be entered has no template
  for (const std::filesystem::path& directory : directories)
    if (const std::filesystem::path file = directory / fmt::format("{}.mustache", name); std::filesystem::exists(file, closed))
      return {read_file(file, Exit::config), file.string()};
  return {std::string(built_in_template(name)), std::string(name)};
}

std::string render_template(const Template& from, const json& values) {
  kainjow::mustache::mustache mustache{from.text};
  if (!mustache.is_valid()) throw Error(Exit::config, "template '{}': {}", from.name, mustache.error_message());
  mustache.set_custom_escape([](const std::string& word) { return shell_quoted(word); });
  const data root = to_mustache(values);
  StrictContext context(&root);
  std::string rendered = mustache.render(context);
  if (!context.missing().empty())
    throw Error(Exit::config, "template '{}' asks for '{}', which has no value", from.name, fmt::join(context.missing(), "', '"))
        .hint("templates/README.md lists every value");
  while (rendered.ends_with("\n\n")) rendered.pop_back();  // kainjow leaves one behind a section at the end
  return rendered;
}

}  // namespace llmrun
