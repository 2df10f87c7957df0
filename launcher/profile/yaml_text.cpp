#include "launcher/profile/yaml_text.h"

#include <algorithm>
#include <array>

#include "engine/core/spec/fields.h"
#include "engine/core/units.h"

namespace llmrun {
namespace {

/// Words that mean the same to every YAML reader without quotes.
bool is_plain_word(std::string_view text) {
  constexpr std::array<std::string_view, 10> kOtherMeanings{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "."};
  const bool letters = std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::isalpha(c); });
  const bool safe = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || c == '_' || c == '/' || c == '.' || c == '-');
  });
  if (!letters || !safe || text.front() == '-' || parse_number(text)) return false;
  return std::find(kOtherMeanings.begin(), kOtherMeanings.end(), text) == kOtherMeanings.end();
}

/// A value on one line: JSON, which YAML understands, without quotes that only tire the eye.
std::string inline_text(const json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return is_plain_word(text) ? text : value.dump();
  }
  if (!value.is_structured()) return value.dump();
  std::string inside;
  for (const auto& [key, item] : value.items()) {
    if (!inside.empty()) inside += ", ";
    if (value.is_object()) inside += inline_text(key) + ": ";
    inside += inline_text(item);
  }
  return value.is_object() ? "{" + inside + "}" : "[" + inside + "]";
}

void write_line(std::string& text, size_t depth, std::string_view name, const std::string& value, const std::string& remark) {
  text += fmt::format("{:{}}{}:{}{}", "", 2 * depth, name, value.empty() ? "" : " ", value);
  text += remark.empty() ? "\n" : fmt::format("  # {}\n", remark);
}

/// Headings for the parts of `path` in which it differs from the key before it. Returns the depth of the last part.
size_t open_sections(std::string& text, std::string_view before, std::string_view path) {
  size_t depth = 0;
  for (size_t dot = path.find('.'), start = 0; dot != std::string_view::npos; start = dot + 1, dot = path.find('.', start), ++depth)
    if (!before.starts_with(path.substr(0, dot + 1))) write_line(text, depth, path.substr(start, dot - start), "", "");
  return depth;
}

}  // namespace

std::string to_yaml(const Config& config, const std::function<std::string(std::string_view path)>& remark) {
  std::string text;
  std::string_view before;
  for (const Field& field : fields()) {
    const size_t depth = open_sections(text, before, field.path);
    const std::string_view name = field.path.substr(field.path.rfind('.') + 1);
    const json value = field.value_in(config);
    if (value.is_object() && !value.empty()) {  // queues, environment: an entry a line
      write_line(text, depth, name, "", remark(field.path));
      for (const auto& [key, item] : value.items()) write_line(text, depth + 1, inline_text(key), inline_text(item), "");
    } else {
      write_line(text, depth, name, inline_text(value), remark(field.path));
    }
    before = field.path;
  }
  return text;
}

}  // namespace llmrun
