#include "launcher/render/template_tags.h"

#include <algorithm>

namespace llmrun {
namespace {

constexpr std::string_view kKinds = "#^/!&{>=";
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

bool is_name(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
}

class TagReader {
 public:
  explicit TagReader(const Template& from) : from_(from) {}

  std::vector<Tag> read() && {
    const std::string_view text = from_.text;
    if (trimmed(text).empty()) complain({from_.name, 0, 0}, "the template is empty", "templates/README.md says what it must hold");
    for (size_t begin = text.find("{{"); begin != std::string_view::npos; begin = text.find("{{", begin)) begin = take(begin);
    for (const Tag& open : open_) not_closed(open);
    if (!complaints_.empty()) throw Error(Exit::config, std::move(complaints_));
    return std::move(tags_);
  }

 private:
  void complain(const Place& at, std::string what, std::string hint) { complaints_.push_back({std::move(what), at, {}, std::move(hint)}); }

  /// The tag at `begin`; returns where to go on.
  size_t take(size_t begin) {
    const std::string_view text = from_.text;
    Tag tag{.kind = 0, .name = {}, .at = place(begin)};
    size_t name = begin + 2;
    if (name < text.size() && kKinds.find(text[name]) != std::string_view::npos) tag.kind = text[name++];
    const std::string_view closing = tag.kind == '{' ? "}}}" : "}}";
    const size_t end = text.find(closing, name);
    const std::string_view inside = end == std::string_view::npos ? "" : text.substr(name, end - name);
    if (end == std::string_view::npos || (tag.kind != '!' && inside.find_first_of("\n{") != std::string_view::npos)) {
      complain(tag.at, "a tag is not closed", fmt::format("'{}' closes it", closing));
      return name;
    }
    tag.name = trimmed(inside);
    if (tag.kind != '!') take(tag);
    return end + closing.size();
  }

  void take(const Tag& tag) {
    if (tag.kind == '>')
      return complain(tag.at, fmt::format("partials are not known here: '{}'", tag.name), "write what it holds in its place");
    if (tag.kind == '=')
      return complain(tag.at, "other delimiters than '{{' and '}}' are not known here", "'{{{name}}}' is raw, '{{name}}' is quoted");
    if (!is_name(tag.name)) return complain(tag.at, fmt::format("'{}' is no name of a value", tag.name), "letters, digits, '_' and '.'");
    if (tag.kind == '#' || tag.kind == '^') open_.push_back(tag);
    if (tag.kind == '/') close(tag);
    tags_.push_back(tag);
  }

  void close(const Tag& tag) {
    const auto opened = std::find_if(open_.rbegin(), open_.rend(), [&](const Tag& open) { return open.name == tag.name; });
    if (opened == open_.rend())
      return complain(tag.at, fmt::format("no section '{}' is open here", tag.name), fmt::format("'{{{{#{}}}}}' opens it", tag.name));
    for (; open_.back().name != tag.name; open_.pop_back()) not_closed(open_.back());
    open_.pop_back();
  }

  void not_closed(const Tag& open) {
    complain(open.at, fmt::format("section '{}' is not closed", open.name), fmt::format("'{{{{/{}}}}}' closes it", open.name));
  }

  Place place(size_t offset) const {
    const std::string_view before = std::string_view(from_.text).substr(0, offset);
    const size_t line_begin = before.find_last_of('\n') + 1;  // 0 where there is none
    return {from_.name, static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1, static_cast<int>(offset - line_begin) + 1};
  }

  const Template& from_;
  std::vector<Tag> tags_, open_;
  std::vector<Complaint> complaints_;
};

}  // namespace

std::vector<Tag> read_tags(const Template& from) { return TagReader(from).read(); }

}  // namespace llmrun
