#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmrun {

/// Where a job is, in words that every batch system has a form of.
enum class JobPhase {
  waiting,  // for nodes, for its time, for the scheduler's next look
  held,     // by a person, by a dependency, or by the system after too many failed starts
  running,
  suspended,  // its nodes were lent to another job
  ended,
};
std::string_view spelling(JobPhase phase);

/// How an ended job ended.
enum class JobEnd {
  done,       // exit 0
  failed,     // another exit code, or a signal
  walltime,   // killed at its limit
  cancelled,  // by its owner or an operator, running or not
  preempted,  // its nodes were taken for another job, and it was not put back
  never_ran,  // a dependency that cannot be met any more: nothing of it was executed
};
std::string_view spelling(JobEnd end);

/// Who or what holds a job back.
enum class JobHold {
  none,
  person,      // its owner or an operator
  dependency,  // jobs that must end, or begin, before
  system,      // the scheduler itself, after too many failed starts
};
std::string_view spelling(JobHold hold);

/// What a batch system says of one job. A job that it does not know is absent from its answer: unknown is not failed.
struct Job {
  std::string id;  // in full: "27.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"
  std::string name, queue;
  JobPhase phase = JobPhase::waiting;
  std::optional<JobEnd> end;         // of an ended job
  std::optional<int> exit_code;      // as a shell would tell it, 128 + n for signal n; empty: has not ended, or never ran
  std::string comment;               // the scheduler's own words on why it is where it is; foreign text: sanitise it before a terminal
  std::optional<int64_t> started;    // seconds since 1970, of the last start
  std::optional<int64_t> starts_at;  // the scheduler's estimate
  std::vector<std::string> hosts;    // of the last start, each once
  int runs = 0;                      // how often it was started
  bool preempted = false;            // Slurm: its nodes are being taken for another job; PBS: they were, and it waits again
  std::optional<int64_t> queued;     // seconds since 1970
  std::optional<int64_t> finished;   // seconds since 1970, of an ended job that ran
  std::optional<int64_t> walltime;   // seconds that it asked for
  int64_t nodes = 0;                 // that it asked for; 0: not told
  JobHold hold = JobHold::none;
  std::string depends;  // on other jobs, as its scheduler spells it: "afterok:97.server"
  std::string members;  // of an array, how many are where, in the scheduler's words
};

}  // namespace llmrun
