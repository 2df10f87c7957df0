#pragma once
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>

#include "engine/core/run_paths.h"
#include "launcher/process/variables.h"
#include "launcher/rundir/lock.h"
#include "launcher/rundir/record.h"

namespace llmrun {

/// How long to wait for a run directory that another process holds.
constexpr std::chrono::milliseconds kNoPatience{100};  // for one that only looks, as `llmrun tail` does
constexpr std::chrono::minutes kPatienceInAJob{2};     // for the job before this one, or the submit that queued it, to end

/// A run directory that this process owns: locked from construction to destruction. Its names are RunPaths'.
class RunDir {
 public:
  /// Creates the directory where it is not there. Throws Error(Exit::preflight) where that fails, another run holds it, or it is not a
  /// run's and has files that a run would write over.
  explicit RunDir(const std::filesystem::path& root, std::chrono::milliseconds patience = kNoPatience);

  const RunPaths& paths() const { return paths_; }
  const RunRecord& record() const { return record_; }

  enum class FileKind {
    shown,   // colleagues may read it
    own,     // 0600: the user's environment
    script,  // 0700: what runs as the user
  };
  /// Writes one of the files of the directory, whole or not at all.
  static void write(const std::filesystem::path& file, const std::string& content, FileKind kind = FileKind::shown);

  /// Opens attempt number record().attempts.size() + 1: its log directory, its record, a line in `logfiles`. `warning` is set where
  /// `logfiles`, two levels above the run, cannot be written. `log` is the name of the combined log; `job` the batch job of this process.
  Attempt begin_attempt(const std::string& log, int64_t ranks, std::time_t now, std::string& warning, const std::string& job = "");
  /// Closes the newest attempt. `steps`: what the run was to reach; with exit 0 it is finished. `death`: where a failure is known by it.
  void end_attempt(int exit, int64_t steps, std::time_t now, const std::optional<RankDeath>& death = {});
  /// What the record says beside the attempts. `argv`: of a program that is not ours.
  void describe(const std::string& name, const std::string& version, const Variables& environment,
                const std::vector<std::string>& argv = {});

 private:
  RunPaths paths_;
  std::unique_ptr<RunLock> lock_;
  RunRecord record_;
};

}  // namespace llmrun
