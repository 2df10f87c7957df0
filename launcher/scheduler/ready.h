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

/// Data and tokenizer are there, the run directory can be made, `rank_program` can be executed.
void check_files(const Resolved& resolved, const Plan& plan, const std::filesystem::path& rank_program, std::vector<Complaint>& complaints);

/// How many jobs of this user the queue takes (its jobs_of_user), counted from the user's list: those that were queued otherwise are not
/// seen, and those of the run itself are not counted. A chain needs room for the next job while its own runs.
void check_own_jobs(const Resolved& resolved, const Plan& plan, const std::vector<QueuedJob>& jobs, Scheduler& scheduler,
                    std::vector<Complaint>& complaints);

/// A directory that other nodes have not, where `program` lies in one: "/tmp". Empty: they may see it.
std::string node_local(const std::filesystem::path& program);

/// What the newest steps of metrics.jsonl say of the steps that are left, where one job is too short for them: "at the last attempt's 12.3k
/// tokens/s the 900 steps left take 31:00:00, 2 jobs of 24:00:00". Nothing where nothing was measured yet.
std::optional<std::string> jobs_needed(const Plan& plan);

}  // namespace llmrun
