#pragma once
#include <string>
#include <string_view>

#include "cli/ui/terminal.h"

namespace llmrun::cli {

/// A line that says how things stand. On a terminal one line that is written over, cut at its width as it is now; elsewhere a plain line
/// whenever the text is another.
class LiveLine {
 public:
  explicit LiveLine(Output& output) : output_(output), terminal_(output.is_terminal()) {}
  /// `changing` (a time that runs) is for terminals alone. Both must be printable().
  void show(const std::string& text, const std::string& changing = "");
  /// Takes it off the screen, so that other text may follow. The next show() says its text again.
  void clear();

 private:
  Output& output_;
  bool terminal_;
  std::string said_;
  size_t columns_ = 0;  // of the terminal, when the line was drawn; 0: none stands there
};

/// What fits into `columns` of a terminal, whole characters. Each character is taken to be one column wide.
std::string_view fitting(std::string_view text, size_t columns);

}  // namespace llmrun::cli
