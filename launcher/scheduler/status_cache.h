#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launcher/process/variables.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun {

/// Milliseconds since 1970, so that processes can compare them.
using Clock = std::function<int64_t()>;
int64_t system_clock_ms();

/// What is known of a job, and as of when.
struct Sighting {
  std::optional<Job> job;  // as it was last told; empty: it never was
  int64_t as_of = 0;       // when the scheduler last answered about it, milliseconds since 1970; 0: it never did
  bool unknown = false;    // it then did not know the job (any more), which is not failed
  /// Nothing about the job will change: it has ended, or was forgotten for good.
  bool settled = false;
};

struct Sightings {
  std::map<std::string, Sighting> jobs;  // one for each id that was asked for
  std::string trouble;                   // why the last question was not answered; empty: it was
  int64_t next_try = 0;                  // with trouble: when the next question may be asked, milliseconds since 1970
};

/// The answers of a scheduler, in a file that all processes of a user share, so that together they ask at most once in kFreshMs. A question
/// is about every job that is not settled, whoever wants to know. While one process asks, the others take what there is; they wait for
/// it, at most kWaitMs, only for a job that nothing is known of. After a question without an answer nobody asks for 1, 2, 4 ... 60 seconds,
/// less up to a half by chance. Where the file cannot be written (a home that is read-only) each process asks for itself.
class StatusCache {
 public:
  static constexpr int64_t kFreshMs = 15'000;
  static constexpr int64_t kLongestRestMs = 60'000;
  static constexpr int64_t kWaitMs = 12'000;
  /// A job that the scheduler did not know for so long is forgotten for good: one that is new, or a server that comes back, gets its time.
  static constexpr int64_t kForgottenMs = 60'000;

  /// `file`: its folder is made where it is missing; empty: nothing is shared. `scheduler` must outlive this.
  StatusCache(std::filesystem::path file, Scheduler& scheduler, Clock now = system_clock_ms);

  /// Throws Error(Exit::unreachable) where nothing is known of any of `ids`, and what else the scheduler says no to.
  Sightings look(const std::vector<std::string>& ids);

 private:
  Sightings ask(const std::vector<std::string>& ids);

  std::filesystem::path file_;
  Scheduler& scheduler_;
  Clock now_;
};

/// What such a file tells, without asking anybody.
Sightings recall(const std::filesystem::path& file, const std::vector<std::string>& ids);

/// The file for the scheduler of this name, beside the list of jobs; empty where there is no home.
std::filesystem::path status_cache_file(const Variables& environment, std::string_view scheduler);

}  // namespace llmrun
