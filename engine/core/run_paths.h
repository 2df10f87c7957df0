#pragma once
#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <vector>

namespace llmrun {

/// What stands before an error report (RunPaths::rank_error) on the stderr of a rank that could not write its file: a disk that is full.
inline constexpr std::string_view kErrorReportMark = "llmrun-rank error report: ";

/// The names inside a run directory: written here and nowhere else. Only arithmetic on paths, no file is touched.
class RunPaths {
 public:
  explicit RunPaths(std::filesystem::path root) : root_(std::move(root)) {}
  const std::filesystem::path& root() const { return root_; }

  std::filesystem::path config() const { return root_ / "config.yaml"; }  // resolved
  std::filesystem::path plan() const { return root_ / "plan.json"; }
  std::filesystem::path launch_script() const { return root_ / "launch.sh"; }
  std::filesystem::path job_script() const { return root_ / "job.sh"; }
  std::filesystem::path git() const { return root_ / "git.json"; }  // the user's repository when the job was queued; run.json takes it over
  std::filesystem::path environment() const { return root_ / "env.json"; }
  std::filesystem::path hostfile() const { return root_ / "hostfile"; }
  std::filesystem::path record() const { return root_ / "run.json"; }
  std::filesystem::path lock() const { return root_ / ".lock"; }
  std::filesystem::path metrics() const { return root_ / "metrics.jsonl"; }  // one object an optimizer step
  std::filesystem::path events() const { return root_ / "events.jsonl"; }
  std::filesystem::path checkpoints() const { return root_ / "checkpoints"; }
  std::filesystem::path logs() const { return root_ / "logs"; }

  /// Files that a run writes over or adds to, of names that others may give theirs.
  std::vector<std::filesystem::path> common_names() const {
    return {config(), hostfile(), plan(), environment(), launch_script(), job_script(), metrics(), events()};
  }

  /// Attempts count from 1.
  std::filesystem::path attempt(int number) const { return logs() / fmt::format("attempt-{:02}", number); }
  std::filesystem::path rank_log(int number, int64_t rank) const { return attempt(number) / fmt::format("rank-{:05}.log", rank); }
  /// What error_report.h says, written by a rank that fails in an orderly way; `time` in seconds since 1970.
  std::filesystem::path rank_error(int number, int64_t rank) const { return attempt(number) / fmt::format("rank-{:05}.error.json", rank); }
  /// There once the run was asked to stop: a rank that starts after that has missed the signal.
  std::filesystem::path stop_request(int number) const { return attempt(number) / "stop"; }
  /// Written by rank 0 where all ranks stopped cleanly (stop_report.h).
  std::filesystem::path stopped(int number) const { return attempt(number) / "stopped"; }
  /// A step of a rank as trace events, where observe.profile asks for it.
  std::filesystem::path rank_trace(int number, int64_t rank) const { return attempt(number) / fmt::format("rank-{:05}.trace.json", rank); }
  /// Where the ranks of an attempt find each other when no PMIx server answers.
  std::filesystem::path meeting(int number) const { return attempt(number) / "meeting"; }

 private:
  std::filesystem::path root_;
};

}  // namespace llmrun
