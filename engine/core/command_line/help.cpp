#include "engine/core/command_line/help.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace llmrun {
namespace {

constexpr size_t kNames = 28;    // columns of the names; the words begin behind them
constexpr size_t kNarrow = 72;   // below, the words get lines of their own
constexpr size_t kIndented = 6;  // ... that far in

/// Breaks between words, so that no line is longer than `width`; every line but the first begins with `indent` blanks.
std::string wrapped(const std::string& text, size_t indent, size_t width) {
  std::string lines;
  size_t column = indent;
  for (size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const bool first = column == indent;
    if (!first && column + 1 + word.size() > width) {
      lines += "\n" + std::string(indent, ' ') + word;
      column = indent + word.size();
    } else {
      lines += (first ? "" : " ") + word;
      column += word.size() + (first ? 0 : 1);
    }
  }
  return lines;
}

/// "gpt|llama" from "TEXT:{gpt,llama}" or "ENUM:value in {gpt->0,llama->1} OR {0,1}"; empty where it lists no words.
std::string choices(const std::string& type) {
  const size_t open = type.find('{'), close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return "";
  std::string words = type.substr(open + 1, close - open - 1);
  for (size_t arrow; (arrow = words.find("->")) != std::string::npos;)
    words.erase(arrow, std::min(words.find(',', arrow), words.size()) - arrow);
  std::replace(words.begin(), words.end(), ',', '|');
  return words;
}

std::string type_shown(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (const std::string words = choices(type); !words.empty()) return words;
  const std::string name = type.substr(0, type.find(':'));
  if (name == "INT" || name == "UINT" || name == "FLOAT") return "N";
  return name;
}

}  // namespace

Help::Help(size_t width) : width_(std::clamp<size_t>(width, 40, 120)) { column_width(kNames); }

std::string Help::entry(const std::string& name, const std::string& text) const {
  std::string line = "  " + name;
  const size_t indent = width_ < kNarrow ? kIndented : kNames;
  if (line.size() + 1 < indent && width_ >= kNarrow)
    line.append(indent - line.size(), ' ');
  else
    line += "\n" + std::string(indent, ' ');
  return text.empty() ? "  " + name + "\n" : line + wrapped(text, indent, width_) + "\n";
}

std::string Help::make_option(const CLI::Option* option, bool is_positional) const {
  const std::string name = make_option_name(option, is_positional);
  return entry(is_positional ? name : name + make_option_opts(option), make_option_desc(option));
}

std::string Help::make_option_opts(const CLI::Option* option) const {
  if (option->get_expected_max() == 0 || type_shown(*option).empty()) return "";  // a flag
  return " " + type_shown(*option) + (option->get_expected_max() == CLI::detail::expected_max_vector_size ? " ..." : "");
}

std::string Help::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  if (option->get_required() && !option->get_positional()) text += text.empty() ? "needed" : "; needed";
  if (const std::string standard = option->get_default_str(); !standard.empty())
    text += (text.empty() ? "default " : "; default ") + standard;
  return text;
}

std::string Help::make_subcommand(const CLI::App* command) const { return entry(command->get_name(), command->get_description()); }

std::string Help::make_description(const CLI::App* app) const {
  return app->get_description().empty() ? "" : wrapped(app->get_description(), 0, width_) + "\n";
}

size_t help_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

}  // namespace llmrun
