#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace llmrun {

/// The lines of a file that is being written: its last `history` lines first, then what comes. A file that is not there yet is empty;
/// one that was cut or replaced is read from its start. A line counts once its newline is there.
class FileTail {
 public:
  FileTail(std::filesystem::path file, int64_t history) : file_(std::move(file)), history_(history) {}
  /// What is new since the last call.
  std::vector<std::string> next();
  /// What stands behind the last newline: at the end of a run it is a line too. Empties it.
  std::string take_rest();

 private:
  void start_at_history(int64_t size);

  std::filesystem::path file_;
  int64_t history_;
  bool started_ = false;
  uint64_t inode_ = 0;
  int64_t offset_ = 0;
  std::string pending_;
};

/// Waits for files below directories to change: inotify, and a time limit for file systems that send no events (Lustre, NFS).
class ChangeWatcher {
 public:
  ChangeWatcher();
  ChangeWatcher(const ChangeWatcher&) = delete;
  ChangeWatcher& operator=(const ChangeWatcher&) = delete;
  ~ChangeWatcher();
  void watch(const std::filesystem::path& directory);
  void wait(int most_ms);

 private:
  int descriptor_;
};

}  // namespace llmrun
