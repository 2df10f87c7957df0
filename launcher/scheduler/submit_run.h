#pragma once
#include <ctime>
#include <filesystem>
#include <string>

#include "launcher/scheduler/job_history.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun {

/// The run that a job is for, and the user's list of jobs where it is written down (empty: none).
struct RunOfJob {
  std::string name;
  std::filesystem::path dir;  // absolute
  std::filesystem::path list;
};

/// What is known of the run's jobs, after finding out about one that was to be queued when whoever did it died: it is looked for and
/// written down, or written off; and one that is missing in the user's list alone is added there. REQUIRES the run's lock.
JobHistory settled_history(const RunOfJob& run, Scheduler& scheduler, std::time_t now);

/// Throws Error(Exit::preflight) where a job of the run is still waiting or running: two would write the same checkpoints.
void refuse_a_second(const RunOfJob& run, const JobHistory& history, Scheduler& scheduler);

/// Queues job.sh of the run's directory and writes it down there and in the user's list. `by`: the id of the job that does it, which the
/// new one waits for; empty: a person does. REQUIRES the run's lock, and a history without doubt.
/// Throws what Scheduler::submit throws; an Error(Exit::unreachable) leaves the doubt for settled_history().
QueuedJob queue_job(const RunOfJob& run, const JobHistory& history, const std::string& by, Scheduler& scheduler, std::time_t now);

}  // namespace llmrun
