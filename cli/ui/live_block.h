#pragma once
#include <string>

#include "cli/ui/terminal.h"

namespace llmrun::cli {

/// Lines that say how things stand. On a terminal they are written over, and as many of the last as its height holds are shown; elsewhere
/// they are a block, behind an empty line, whenever they tell something else.
class LiveBlock {
 public:
  explicit LiveBlock(Output& output) : output_(output), terminal_(output.is_terminal()) {}
  /// `text`: printable() lines, each with its end and no longer than output.columns(). `told`: what of it counts as a change where it is
  /// not a terminal: a time that runs does not.
  void show(const std::string& text, const std::string& told);

 private:
  Output& output_;
  bool terminal_;
  std::string told_;
  size_t lines_ = 0;  // that stand on the terminal
};

}  // namespace llmrun::cli
