#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llmrun::cli {

/// printable() on one line: newlines and tabs become blanks.
std::string one_line(std::string_view text);

/// "12 s", "3 min", "2 h", "5 d": how long ago, in one number.
std::string age_text(int64_t seconds);

/// Rows under a header, each column as wide as its widest cell. Cells may be anybody's text: one_line() makes it harmless.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void add(const std::vector<std::string>& row);  // REQUIRES as many cells as the header
  bool empty() const { return rows_.size() == 1; }
  /// `columns`: lines are cut there, for a terminal; 0: whole lines. What may be cut stands in the last column.
  std::string text(size_t columns) const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header first
};

}  // namespace llmrun::cli
