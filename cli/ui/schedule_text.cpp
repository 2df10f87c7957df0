#include "cli/ui/schedule_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace llmrun::cli {
namespace {

using Row = std::vector<std::string>;  // a cell a unit of time

std::vector<Row> rows_of(const PipelineTimeline& timeline) {
  std::vector<Row> rows;
  for (const auto& spans : timeline.stages) {
    Row& row = rows.emplace_back(static_cast<size_t>(std::lround(timeline.end)));
    for (const PipelineTimeline::Span& span : spans)
      for (int64_t cell = std::lround(span.begin); cell < std::lround(span.end); ++cell)
        row[static_cast<size_t>(cell)] = cell == std::lround(span.begin) ? spelling(span.action) : "-";
  }
  return rows;
}

size_t widest(const std::vector<Row>& rows) {
  size_t width = 1;
  for (const Row& row : rows)
    for (const std::string& cell : row) width = std::max(width, cell.size());
  return width;
}

}  // namespace

std::string schedule_text(const PipelineTimeline& timeline, size_t width) {
  const std::vector<Row> rows = rows_of(timeline);
  const size_t cell = widest(rows) + 1, label = fmt::format("stage {} ", rows.size() - 1).size();
  const size_t cells = rows.front().size(), band = std::max<size_t>(1, (std::max(width, label) - label) / cell);
  std::string text;
  for (size_t begin = 0; begin < cells; begin += band) {
    if (begin > 0) text += '\n';
    for (size_t stage = 0; stage < rows.size(); ++stage) {
      std::string line = fmt::format("{:<{}}", fmt::format("stage {}", stage), label);
      for (size_t i = begin; i < std::min(begin + band, cells); ++i)
        line += rows[stage][i] == "-" ? std::string(cell - 1, '-') + ' ' : fmt::format("{:<{}}", rows[stage][i], cell);
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + '\n';
    }
  }
  return text;
}

}  // namespace llmrun::cli
