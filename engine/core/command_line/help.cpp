#include "engine/core/command_line/help.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "engine/core/command_line/usage.h"
#include "engine/core/command_line/value.h"

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

size_t end_of_word(const std::string& line, size_t begin) {
  return std::min(line.find(' ', std::min(line.find_first_not_of(' ', begin), line.size())), line.size());
}

/// A line to type, which goes on in the next one where it is too long: still one command when it is pasted.
std::string broken(const std::string& line, size_t width) {
  std::string text;
  size_t column = 0;
  for (size_t begin = 0, end; begin < line.size(); begin = end) {
    end = end_of_word(line, begin);
    if (line.compare(begin, 3, " --") == 0 && line.compare(end, 2, " -") != 0) end = end_of_word(line, end);  // an option with its value
    if (column > 0 && column + (end - begin) + 2 > width) {
      text += " \\\n     ";
      column = 5;
    }
    text += line.substr(begin, end - begin);
    column += end - begin;
  }
  return text;
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

/// One blank line between the parts: CLI11 ends a group of options with one, and begins the next part with another.
std::string Help::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
  for (size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) text.erase(at, 1);
  return text;
}

std::string Help::make_option(const CLI::Option* option, bool is_positional) const {
  const std::string name = make_option_name(option, is_positional);
  return entry(is_positional ? name : name + make_option_opts(option), make_option_desc(option));
}

std::string Help::make_option_opts(const CLI::Option* option) const {
  if (!takes_value(*option) || value_name(*option).empty()) return "";
  return " " + value_name(*option) + (option->get_expected_max() == CLI::detail::expected_max_vector_size ? " ..." : "");
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

std::string Help::make_usage(const CLI::App* app, std::string name) const {
  std::string line = fmt::format("Usage: {}", name.empty() ? full_name(*app) : name);
  for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->nonpositional() && o->get_required(); }))
    line += fmt::format(" {} {}", option->get_name(), value_name(*option));
  line += " [OPTIONS]";
  for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->get_positional(); }))
    line += " " + make_option_usage(option);
  if (!command_names(*app).empty()) line += app->get_require_subcommand_min() == 0 ? " [COMMAND]" : " COMMAND";
  line += program_in_usage(*app);
  return wrapped(line, 0, width_) + "\n";
}

std::string Help::make_footer(const CLI::App* app) const {
  const std::string footer = app->get_footer();
  std::string text;
  for (size_t begin = 0; begin < footer.size();) {
    const size_t end = std::min(footer.find('\n', begin), footer.size());
    const std::string line = footer.substr(begin, end - begin);
    text += (line.starts_with("  ") ? broken(line, width_) : wrapped(line, 0, width_)) + "\n";
    begin = end + 1;
  }
  return text;
}

size_t help_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

}  // namespace llmrun
