#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <vector>

#include "launcher/follow/log_file.h"

namespace llmrun {

/// The lines of many logs, in the order of their own times.
///
/// Memory and descriptors are bounded whatever the logs hold: each file has a small piece in memory, and only some stay open. A line waits
/// for one look at most, so that lines which were written at the same time meet; it never waits for a clock. Lines of one file stay in
/// their order, and together with the lines without a time that follow them, whatever its clock does (E1).
class MergedLogs {
 public:
  static constexpr size_t kMostOpen = 512;  // of the usual 1024
  static constexpr size_t kMemory = 16u << 20;

  /// `file`: its place in `paths`. False: no more lines are wanted.
  using Take = std::function<bool(size_t file, const LogLine& line)>;

  MergedLogs(const std::vector<std::filesystem::path>& paths, LogStart start);

  /// Looks at every file once and hands out what is due.
  void advance(const Take& take);
  /// Looks and hands out everything, also what stands behind the last newlines.
  void finish(const Take& take);
  /// How long to wait before the next look, so that lines meet, and looks cost a fifth of the time at most, however slow the file system.
  std::chrono::milliseconds pause() const;
  /// Whether lines wait for the next look.
  bool holding() const { return holding_; }

 private:
  struct Head {
    WallTime time;
    size_t file;
  };
  void look(bool everything);
  bool merge(const Take& take);
  bool hand_out(size_t file, const Take& take);
  template <typename Work>
  void with(LogFile& file, Work work);

  std::deque<LogFile> files_;
  size_t piece_;  // bytes in memory for each
  bool looked_ = false;
  bool holding_ = false;
  size_t open_ = 0;          // files
  size_t due_ = 0;           // files whose next line is due
  std::vector<Head> heads_;  // a heap, the earliest first
  std::chrono::nanoseconds cost_{0};
};

}  // namespace llmrun
