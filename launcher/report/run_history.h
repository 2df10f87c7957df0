#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/process/variables.h"
#include "launcher/rundir/record.h"
#include "launcher/scheduler/job_history.h"
#include "launcher/scheduler/known_jobs.h"

namespace llmrun {

/// A run that was ever queued or launched by this user, as far as its directory and the list of jobs tell.
struct RunHistory {
  std::string name;
  std::filesystem::path dir;
  std::string first, last;      // UTC, "2023-10-11T09:29:06Z": when it was first and last queued, launched or ended
  std::vector<QueuedJob> jobs;  // oldest first
  RunRecord record;             // empty: it was never launched, or its directory is gone
  bool gone = false;            // the directory
  bool damaged = false;         // run.json
  /// "queued", "running", "done", "failed", "stopped" (before a walltime, to be continued), "died" (without a word), "cancelled",
  /// "preempted", ... as the newest of all that happened to it says; "gone" where nothing is left to say it; "unknown".
  std::string state;
  bool preempted = false;        // it waits again, for its nodes were taken for another job
  std::optional<int> exit_code;  // of the newest attempt or its chain; of the newest job where none was launched
  std::optional<ChainStop> chain_stop;
  int64_t seconds = 0;  // all attempts together; one that runs until `now`
};

/// The list that a launch without a queue is written down in, beside the jobs (job_list_file): append-only. Where it cannot be written a
/// run is launched all the same.
void append_launch(const std::filesystem::path& list, const std::string& run, const std::filesystem::path& dir, const std::string& time);

/// Every run of the list, newest activity last. Asks no scheduler: what is known of jobs is what was last told. `now`: seconds since 1970.
std::vector<RunHistory> read_history(const std::filesystem::path& list, const Variables& environment, int64_t now);

/// Of one run; `jobs`: those that are known, oldest first.
RunHistory history_of(const std::filesystem::path& dir, std::vector<KnownJob> jobs, int64_t now);

/// Every word that RunHistory::state may be.
std::span<const std::string_view> run_states();

/// "exit 3: invalid configuration", of the run or its newest attempt. What a chain has left is not said to be continued.
std::string end_text(const RunHistory& run, int exit_code);

/// "lrs/seed=1 (exit 5: refused before the start)", "lrs/seed=2 (running)".
std::string name_and_state(const RunHistory& run);

/// Seconds between two such texts, never below 0.
int64_t seconds_between(const std::string& start, const std::string& end);

}  // namespace llmrun
