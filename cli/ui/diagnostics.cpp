#include "cli/ui/diagnostics.h"

#include <fmt/color.h>

#include <algorithm>
#include <fstream>

#include "cli/ui/terminal.h"

namespace llmrun::cli {
namespace {

constexpr size_t kMaxShown = 120;  // characters of a source line
const fmt::text_style kErrorStyle = fmt::emphasis::bold | fmt::fg(fmt::terminal_color::red);
const fmt::text_style kPlaceStyle = fmt::fg(fmt::terminal_color::blue);
const fmt::text_style kHintStyle = fmt::emphasis::bold | fmt::fg(fmt::terminal_color::green);

std::string painted(const fmt::text_style& style, std::string_view text, bool colored) {
  return colored ? fmt::format(style, "{}", text) : std::string(text);
}

std::string source_line(const Place& place) {
  std::ifstream file(place.file);
  std::string line;
  for (int i = 0; i < place.line; ++i)
    if (!std::getline(file, line)) return "";
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

/// How many bytes of `line` from `start` the value takes: up to the quote that closes it, or the next blank or mark.
size_t token_length(std::string_view line, size_t start) {
  const char first = line[start];
  const bool quoted = first == '"' || first == '\'';
  const size_t end = quoted ? line.find(first, start + 1) : line.find_first_of(" ,]}#:", start + 1);
  return end == std::string_view::npos ? line.size() - start : end - start + (quoted ? 1 : 0);
}

/// Characters, not bytes: the caret stands under what the eye sees.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

std::string excerpt(const Place& place, bool colored) {
  const std::string number = std::to_string(place.line);
  const std::string margin(number.size() + 2, ' ');
  const std::string bar = painted(kPlaceStyle, "|", colored);
  const std::string line = source_line(place);
  const auto start = static_cast<size_t>(std::max(0, place.column - 1));
  if (place.line == 0 || start >= line.size() || start >= kMaxShown) return "";
  const std::string caret =
      std::string(width(line.substr(0, start)), ' ') + std::string(width(line.substr(start, token_length(line, start))), '^');
  return fmt::format("{0}{1}\n {2} {1} {3}\n{0}{1} {4}\n", margin, bar, painted(kPlaceStyle, number, colored),
                     printable(line.substr(0, kMaxShown)), painted(kErrorStyle, caret.substr(0, kMaxShown), colored));
}

std::string place_name(const Place& place) {
  std::string name = place.file;
  if (place.line > 0) name += fmt::format(":{}", place.line);
  if (place.line > 0 && place.column > 0) name += fmt::format(":{}", place.column);
  return name;
}

std::string complaint_text(const Complaint& complaint, bool colored) {
  std::string text = fmt::format("{} {}\n", painted(kErrorStyle, "llmrun:", colored), printable(complaint.what));
  if (complaint.at && !complaint.at->file.empty()) {
    text += fmt::format("  {} {}\n", painted(kPlaceStyle, "-->", colored), printable(place_name(*complaint.at)));
    text += excerpt(*complaint.at, colored);
  }
  for (const std::string& reason : complaint.because) text += fmt::format("   = {}\n", printable(reason));
  if (!complaint.hint.empty()) text += fmt::format("{} {}\n", painted(kHintStyle, "hint:", colored), printable(complaint.hint));
  return text;
}

}  // namespace

std::string diagnostics(const Error& error, bool colored) {
  std::string text;
  for (const Complaint& complaint : error.complaints()) text += (text.empty() ? "" : "\n") + complaint_text(complaint, colored);
  if (error.complaints().size() > 1)
    text += fmt::format("\n{} {} errors\n", painted(kErrorStyle, "llmrun:", colored), error.complaints().size());
  return text;
}

}  // namespace llmrun::cli
