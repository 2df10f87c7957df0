#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace llmrun {

/// Waits for files in directories to change: inotify, and a time limit for file systems that send no events (Lustre, NFS).
/// It hears of the first change since the last wait and of no more, so that busy writers cost nothing.
class ChangeWatcher {
 public:
  ChangeWatcher();
  ChangeWatcher(const ChangeWatcher&) = delete;
  ChangeWatcher& operator=(const ChangeWatcher&) = delete;
  ~ChangeWatcher();
  /// The directory need not be there yet.
  void watch(const std::filesystem::path& directory);
  /// Returns at a change, or after `most`, but not before `least`; at once at a signal, or when nobody reads `reader` (a pipe; -1: none)
  /// any more.
  void wait(std::chrono::milliseconds least, std::chrono::milliseconds most, int reader = -1);

 private:
  void arm();

  int descriptor_;
  std::vector<std::string> directories_;
};

/// Whether `descriptor` is a pipe that nobody reads any more.
bool is_unread(int descriptor);

}  // namespace llmrun
