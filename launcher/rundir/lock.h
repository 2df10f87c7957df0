#pragma once
#include <chrono>
#include <filesystem>

namespace llmrun {

/// Keeps a second run out of a run directory. The kernel drops the lock when its owner dies, so that a killed run leaves nothing to
/// clean up; the file then still names the last owner and is written over.
class RunLock {
 public:
  /// Throws Error(Exit::preflight) naming the owner where another process still holds it after `patience`. A tenth of a second is enough
  /// for one that only looks, as is_locked() does.
  explicit RunLock(const std::filesystem::path& file, std::chrono::milliseconds patience = std::chrono::milliseconds(100));
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

 private:
  int descriptor_ = -1;
};

/// Whether a living process holds it.
bool is_locked(const std::filesystem::path& file);

}  // namespace llmrun
