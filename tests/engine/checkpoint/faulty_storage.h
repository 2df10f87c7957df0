#pragma once
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/checkpoint/storage.h"

namespace llmrun {

/// The disk, failing at one chosen operation: a full disk once, or the end of the process. Operations of all ranks count in one sequence.
class FaultyStorage : public Storage {
 public:
  enum class Fault {
    error,  // operation `at` fails (a write after half of its bytes), the others work
    stop,   // operation `at` and all later ones fail: the process died there
  };
  FaultyStorage(Fault fault, int at) : fault_(fault), at_(at) {}

  bool happened() const { return happened_; }
  /// What a power cut does: unsynced files lose their content, renames whose directory was not synced are undone.
  void cut_power();

  std::unique_ptr<OutputFile> create(const std::filesystem::path& path) override;
  void make_directory(const std::filesystem::path& path) override;
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void sync_directory(const std::filesystem::path& path) override;
  void remove(const std::filesystem::path& path) override;

 private:
  friend class FaultyFile;
  struct Rename {
    std::filesystem::path from, to;
    std::string replaced;  // content of a file that stood at `to`
    bool replaces = false;
  };
  /// True when the next operation is to fail; `fail` then throws.
  bool failing();
  void count(const std::filesystem::path& path);

  Fault fault_;
  int at_;
  int next_ = 0;
  bool happened_ = false;
  std::mutex mutex_;
  std::set<std::filesystem::path> unsynced_;
  std::vector<Rename> renames_;  // whose directory was not synced since
};

}  // namespace llmrun
