#include "cli/ui/live_block.h"

#include <algorithm>

namespace llmrun::cli {
namespace {

/// What fits on a screen of `rows`, whose last row the cursor needs.
std::string_view last_lines(std::string_view text, size_t rows) {
  size_t begin = text.size();
  for (size_t lines = 0; begin > 0 && lines + 1 < rows; ++lines) {
    const size_t end = text.rfind('\n', begin - 2);
    begin = end == std::string_view::npos || begin < 2 ? 0 : end + 1;
  }
  return text.substr(begin);
}

}  // namespace

void LiveBlock::show(const std::string& text, const std::string& told) {
  if (terminal_) {
    const std::string_view shown = last_lines(text, output_.rows());
    if (lines_ > 0) output_.print("\x1b[{}A", lines_);
    output_.print("\r\x1b[J{}", shown);
    lines_ = static_cast<size_t>(std::count(shown.begin(), shown.end(), '\n'));
  } else if (told != told_) {
    output_.print("{}{}", told_.empty() ? "" : "\n", text);
  }
  told_ = told;
  output_.failed();  // flushes
}

}  // namespace llmrun::cli
