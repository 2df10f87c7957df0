#include "cli/ui/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/ui/terminal.h"

namespace llmrun::cli {
namespace {

constexpr std::string_view kCut = "...";

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

/// Characters of UTF-8, each taken for one column.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

std::string cut(const std::string& line, size_t columns) {
  if (columns == 0 || width(line) <= columns) return line;
  const size_t keep = columns - std::min(columns, kCut.size());
  size_t end = 0;
  for (size_t shown = 0; end < line.size(); ++end)
    if (!continues(line[end]) && shown++ == keep) break;
  return line.substr(0, end) + std::string(kCut.substr(0, columns - keep));
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string line = printable(text);
  std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
}

std::string age_text(int64_t seconds) {
  constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400;
  if (seconds < 2 * kMinute) return fmt::format("{} s", seconds);
  if (seconds < 2 * kHour) return fmt::format("{} min", seconds / kMinute);
  return seconds < 2 * kDay ? fmt::format("{} h", seconds / kHour) : fmt::format("{} d", seconds / kDay);
}

Table::Table(std::vector<std::string> header) : rows_{std::move(header)} {}

void Table::add(const std::vector<std::string>& row) {
  std::vector<std::string> cells;
  for (const std::string& cell : row) cells.push_back(one_line(cell));
  rows_.push_back(std::move(cells));
}

std::string Table::text(size_t columns) const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) line += row[i] + std::string(widths[i] - width(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += cut(line, columns) + '\n';
  }
  return text;
}

}  // namespace llmrun::cli
