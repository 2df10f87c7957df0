#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "cli/ui/terminal.h"

namespace llmrun::cli {

/// Progress of a work measured in bytes. On a terminal one line that is written over (at most ten times a second) with speed and the time
/// left; elsewhere a plain line at each tenth of the way, so that a log stays short.
class Progress {
 public:
  explicit Progress(Output& output) : output_(output), terminal_(output.is_terminal()), begin_(Clock::now()) {}
  ~Progress() { end_line(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `before`: of `done`, what an earlier run did; it does not count for the speed.
  void show(const std::string& what, int64_t done, int64_t total, int64_t before = 0);
  /// Ends the line that is written over, so that other text may follow.
  void end_line();

 private:
  using Clock = std::chrono::steady_clock;
  Output& output_;
  bool terminal_;
  bool line_open_ = false;
  int64_t tenths_ = -1;
  Clock::time_point begin_;
  Clock::time_point drawn_{};
};

}  // namespace llmrun::cli
