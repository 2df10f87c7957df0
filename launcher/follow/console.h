#pragma once
#include <functional>
#include <string>

#include "launcher/follow/metrics_follower.h"

namespace llmrun {

/// Where a run shows itself while it goes.
struct ConsoleStyle {
  bool terminal = false;                                        // one line that is drawn again, below what the ranks print
  std::function<size_t()> columns = [] { return size_t{80}; };  // of the terminal, now
  std::function<void(std::string_view)> write;                  // to the screen
  std::function<void(std::string_view)> log;                    // every line, whole: to the combined log
  std::function<std::string(std::string_view)> harmless;        // text of others, without control characters
};

/// The output of a run: lines of the ranks as they come, and its progress, read from metrics.jsonl.
/// On a terminal progress is one line that is drawn again; elsewhere, and in the log, a line every `every_steps` steps and one at the end.
class Console {
 public:
  Console(ConsoleStyle style, const std::filesystem::path& metrics, int64_t steps, int64_t every_steps);
  void line(std::string_view text);
  /// A line that is for the combined log alone.
  void log_only(std::string_view text) { style_.log(text); }
  void tick();
  /// Reads what is left and leaves the last progress on the screen.
  void finish();

 private:
  void draw();  // cut at the width of the terminal: a line that breaks could not be erased
  void erase();
  void take(const StepMetrics& step);

  ConsoleStyle style_;
  MetricsFollower metrics_;
  int64_t steps_, every_steps_;
  std::string live_;  // the line that is drawn again, whole; empty: none
  double mean_step_s_ = 0;
};

/// "step 120/1000  loss 2.3412  12.3k tokens/s  MFU 41.2%  ETA 00:12:03"
std::string progress_line(const StepMetrics& step, int64_t steps, double seconds_a_step);

}  // namespace llmrun
