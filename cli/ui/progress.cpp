#include "cli/ui/progress.h"

#include <algorithm>

#include "engine/core/units.h"

namespace llmrun::cli {

void Progress::show(const std::string& what, int64_t done, int64_t total, int64_t before) {
  const auto now = Clock::now();
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
  const auto tenths = static_cast<int64_t>(share * 10);
  if (terminal_ ? done < total && now - drawn_ < std::chrono::milliseconds(100) : tenths <= tenths_) return;
  tenths_ = tenths;
  drawn_ = now;

  std::string line = fmt::format("{} {:3.0f}%  {} of {}", what, share * 100, human_bytes(static_cast<double>(done)),
                                 human_bytes(static_cast<double>(total)));
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double bytes_per_second = seconds > 0 ? static_cast<double>(done - before) / seconds : 0;
  if (bytes_per_second > 0) {
    const auto left = static_cast<int64_t>(static_cast<double>(total - done) / bytes_per_second);
    line += fmt::format("  {}/s  {} left", human_bytes(bytes_per_second), format_duration(left));
  }
  if (!terminal_) return output_.print("{}\n", line);
  output_.print("\r{}\x1b[K", line.substr(0, output_.columns() - 1));
  output_.failed();  // flushes
  line_open_ = true;
}

void Progress::end_line() {
  if (line_open_) output_.write("\n");
  line_open_ = false;
}

}  // namespace llmrun::cli
