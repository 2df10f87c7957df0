#pragma once
#include <map>
#include <string>
#include <vector>

#include "engine/core/file.h"

namespace llmrun::test {

using CsvRow = std::map<std::string, std::string>;

/// The cells of one line; a quoted cell may hold commas.
inline std::vector<std::string> csv_cells(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

/// Rows of a published table under tests/data, by column name.
inline std::vector<CsvRow> read_csv(const std::string& name) {
  const std::string text = read_file(std::string(LLMRUN_SOURCE_DIR) + "/tests/data/" + name);
  std::vector<CsvRow> rows;
  std::vector<std::string> header;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::vector<std::string> cells = csv_cells(text.substr(begin, end - begin));
    begin = end + 1;
    if (header.empty()) {
      header = cells;
      continue;
    }
    CsvRow row;
    for (size_t i = 0; i < header.size() && i < cells.size(); ++i) row[header[i]] = cells[i];
    rows.push_back(row);
  }
  return rows;
}

}  // namespace llmrun::test
