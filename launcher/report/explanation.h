#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/plan.h"
#include "engine/core/spec/config.h"
#include "launcher/report/failure.h"
#include "launcher/report/run_history.h"
#include "launcher/scheduler/queue_line.h"

namespace llmrun {

/// Why a run waits, or why it ended. Every text may hold words of others: make them harmless before a terminal gets them.
struct Explanation {
  std::string headline;            // "job 27 of 'king' waits in debug since 00:12:00"
  std::string comment;             // the scheduler's own words, as they came; empty: it said none
  std::string meaning;             // in plain words; empty: the comment says it, or nobody knows
  std::vector<std::string> facts;  // what was asked for, what the queue takes, when it may start
  std::string remedy;              // something to type or to do; empty: nothing is to be done
  std::optional<int> exit_code;    // of a run that ended
  std::optional<Failure> failure;  // the first rank that failed
};

struct ExplainedRun {
  std::string word;  // how a shell names the run in what is to be typed
  RunHistory history;
  std::optional<KnownJob> job;           // the one that is asked about, or the newest; empty: never queued
  std::optional<MachineConfig> machine;  // its limits
  std::optional<Plan> plan;              // of the newest launch
  std::optional<QueueAhead> ahead;       // of a job that waits; empty: its scheduler did not say
  std::vector<RunHistory> members = {};  // of a sweep, as they are now
  std::vector<KnownJob> waits_for = {};  // the user's jobs that it depends on
};

/// `now`: seconds since 1970.
Explanation explain(const ExplainedRun& run, int64_t now);

}  // namespace llmrun
