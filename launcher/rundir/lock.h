#pragma once
#include <filesystem>

namespace llmrun {

/// Keeps a second run out of a run directory. The kernel drops the lock when its owner dies, so that a killed run leaves nothing to
/// clean up; the file then still names the last owner and is written over.
class RunLock {
 public:
  /// Throws Error(Exit::preflight) naming the owner where another process holds it.
  explicit RunLock(const std::filesystem::path& file);
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

 private:
  int descriptor_ = -1;
};

/// Whether a living process holds it.
bool is_locked(const std::filesystem::path& file);

}  // namespace llmrun
