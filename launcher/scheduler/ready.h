#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/core/plan.h"
#include "launcher/profile/resolved.h"
#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun {

// What would end a job minutes or days after it was queued, asked before. Each adds to `complaints`; nothing is written.

/// Data and tokenizer are there.
void check_data_files(const Resolved& resolved, std::vector<Complaint>& complaints);
/// These, and the run directory can be made, `rank_program` can be executed.
void check_files(const Resolved& resolved, const Plan& plan, const std::filesystem::path& rank_program, std::vector<Complaint>& complaints);

/// How many jobs of this user the queue takes (its jobs_of_user), counted from the user's list: those that were queued otherwise are not
/// seen, and those of the run itself are not counted. A chain needs room for the next job while its own runs.
void check_own_jobs(const Resolved& resolved, const Plan& plan, const std::vector<QueuedJob>& jobs, Scheduler& scheduler,
                    std::vector<Complaint>& complaints);

/// A directory that other nodes have not, where `program` lies in one: "/tmp". Empty: they may see it.
std::string node_local(const std::filesystem::path& program);

/// How long the steps that are left take, and how many jobs of the walltime, less its margin, that is.
struct TimeNeeded {
  double tokens_per_s = 0;
  bool measured = false;  // in the newest steps of metrics.jsonl; else what the GPUs could do at their peak, and no run does
  int64_t steps = 0;
  int64_t seconds = 0;
  int64_t jobs = 0;
};
/// Nothing where no speed is known, nothing is left to do, or the job has no time.
std::optional<TimeNeeded> time_needed(const Plan& plan);

/// "at the last attempt's 12.3k tokens/s the 900 steps left take 31:00:00, 2 jobs of 24:00:00".
std::string time_needed_text(const TimeNeeded& needed, int64_t walltime_s);

}  // namespace llmrun
