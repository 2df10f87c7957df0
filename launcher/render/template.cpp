#include "launcher/render/template.h"

#include <fmt/ranges.h>

#include <kainjow/mustache.hpp>
#include <set>

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

std::string render_template(std::string_view text, const json& values, std::string_view name) {
  kainjow::mustache::mustache mustache{std::string(text)};
  if (!mustache.is_valid()) throw Error(Exit::failed, "template '{}': {}", name, mustache.error_message());
  mustache.set_custom_escape([](const std::string& word) { return shell_quoted(word); });
  const data root = to_mustache(values);
  StrictContext context(&root);
  std::string rendered = mustache.render(context);
  if (!context.missing().empty())
    throw Error(Exit::failed, "template '{}' asks for '{}', which has no value", name, fmt::join(context.missing(), "', '"));
  while (rendered.ends_with("\n\n")) rendered.pop_back();  // kainjow leaves one behind a section at the end
  return rendered;
}

}  // namespace llmrun
