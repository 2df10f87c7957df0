#pragma once
#include <ctime>

#include "engine/core/plan.h"
#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun {

/// Writes config.yaml and job.sh, whose text is `script`; the path of job.sh. The run's lock is held meanwhile and given back: the job will
/// want it. Throws Error(Exit::preflight) where a job or a launch of this run is still waiting or running.
std::filesystem::path write_job_files(const Plan& plan, const std::string& script, Scheduler& scheduler);

/// Queues the job and writes it down, in events.jsonl of the run and in the user's list (`list`; empty: none).
QueuedJob submit_run(const Plan& plan, const std::filesystem::path& script, Scheduler& scheduler, const std::filesystem::path& list,
                     std::time_t now);

}  // namespace llmrun
