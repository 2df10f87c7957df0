#include "launcher/render/template.h"

#include <fmt/ranges.h>

#include <kainjow/mustache.hpp>
#include <set>

#include "engine/core/file.h"
#include "engine/core/spec/nearest.h"
#include "launcher/profile/site_directories.h"
#include "launcher/render/shell.h"
#include "launcher/render/template_tags.h"

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

/// Remembers the names that nobody gave, and those of lists and objects.
class StrictContext : public kainjow::mustache::context<std::string> {
 public:
  using context::context;
  const data* get(const std::string& name) const override {
    const data* found = context::get(name);
    if (found == nullptr) missing_.insert(name);
    if (found != nullptr && (found->is_list() || found->is_object())) whole_.insert(name);
    return found;
  }
  bool is_missing(const std::string& name) const { return missing_.contains(name); }
  bool is_whole(const std::string& name) const { return whole_.contains(name); }

 private:
  mutable std::set<std::string> missing_, whole_;
};

/// "job.name" and so on, of every value and of what is in them.
void add_names(const json& values, const std::string& before, std::set<std::string>& names) {
  for (const auto& [key, value] : values.items()) {
    if (value.is_array() && !value.empty() && value[0].is_object()) add_names(value[0], "", names);
    value.is_object() ? add_names(value, before + key + ".", names) : void(names.insert(before + key));
  }
}

std::string names_hint(const std::string& name, const json& values) {
  std::set<std::string> names;
  add_names(values, "", names);
  const std::vector<std::string_view> known(names.begin(), names.end());
  if (const std::string_view near = nearest(name, known); !near.empty()) return fmt::format("did you mean '{}'?", near);
  return fmt::format("there are {}", fmt::join(names, ", "));
}

/// Holes that mustache would leave without a word, each name once.
std::vector<Complaint> holes(const Template& from, const std::vector<Tag>& tags, const StrictContext& context, const json& values) {
  std::vector<Complaint> complaints;
  std::set<std::string> told;
  for (const Tag& tag : tags) {
    const bool is_value = tag.kind == 0 || tag.kind == '{' || tag.kind == '&';
    const bool is_missing = context.is_missing(tag.name);
    if (!is_missing && !(is_value && context.is_whole(tag.name))) continue;
    if (!told.insert(tag.name).second) continue;
    if (is_missing)
      complaints.push_back(
          {fmt::format("template '{}' asks for '{}', which has no value", from.name, tag.name), tag.at, {}, names_hint(tag.name, values)});
    else
      complaints.push_back({fmt::format("'{}' has many values, and is asked for as if it were one", tag.name),
                            tag.at,
                            {},
                            fmt::format("'{{{{#{0}}}}} ... {{{{/{0}}}}}' goes through them", tag.name)});
  }
  return complaints;
}

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
  const std::vector<Tag> tags = read_tags(from);
  kainjow::mustache::mustache mustache{from.text};
  if (!mustache.is_valid()) throw Error(Exit::config, "template '{}': {}", from.name, mustache.error_message());
  mustache.set_custom_escape([](const std::string& word) { return shell_quoted(word); });
  const data root = to_mustache(values);
  StrictContext context(&root);
  std::string rendered = mustache.render(context);
  if (auto complaints = holes(from, tags, context, values); !complaints.empty()) throw Error(Exit::config, std::move(complaints));
  while (rendered.ends_with("\n\n")) rendered.pop_back();  // kainjow leaves one behind a section at the end
  return rendered;
}

}  // namespace llmrun
