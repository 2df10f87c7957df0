#pragma once
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/scheduler/queued_job.h"

namespace llmrun {

/// An attempt that began inside a job of the run.
struct BegunAttempt {
  std::string job;   // id
  int64_t step = 0;  // of the newest checkpoint then
};

/// Why a chain queued no further job although the run was not done.
struct ChainStop {
  std::string reason;  // "no_progress", "used_up", "stopped"
  int exit_code = 1;   // of the whole: 93 for no_progress, whatever the last attempt ended with
};

/// What events.jsonl of a run tells of its jobs. Each event is a line, written before and after what it tells of, so that whoever dies in
/// between leaves a doubt that the next one can settle, and never a second job.
struct JobHistory {
  std::vector<QueuedJob> jobs;  // every one, oldest first

  // Since a person last queued the run:
  std::vector<QueuedJob> chained;  // jobs that jobs queued
  std::vector<BegunAttempt> begun;
  std::optional<int64_t> cancelled;  // by a person: seconds since 1970
  std::optional<ChainStop> stop;     // and no attempt began since

  /// A job was to be queued then (seconds since 1970), by this job ("": by a person), and nothing says whether it was.
  struct Doubt {
    int64_t since = 0;
    std::string by;
  };
  std::optional<Doubt> doubt;

  std::vector<std::string> ids() const;
  bool knows(std::string_view id) const;
  /// The id of the job that this one has queued; empty: none.
  std::string successor(std::string_view id) const;
};

/// Of a file that is not there: nothing. Passes over lines that were torn and events of other kinds.
JobHistory read_job_history(const std::filesystem::path& events);

// What is written, beside append_job() for a job that was queued. `by`: the id of the job that queues it; empty: a person does.
void note_queueing(const std::filesystem::path& events, const std::string& by, std::time_t now);
void note_not_queued(const std::filesystem::path& events, const std::string& why, std::time_t now);
void note_cancelled(const std::filesystem::path& events, std::time_t now);
void note_begun(const std::filesystem::path& events, const BegunAttempt& attempt, std::time_t now);
/// The end of a chain before the run's: `reason` is a word ("no_progress", "used_up", "stopped").
void note_chain_ended(const std::filesystem::path& events, std::string_view reason, int exit_code, std::time_t now);

}  // namespace llmrun
