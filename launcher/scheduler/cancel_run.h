#pragma once
#include <ctime>
#include <string>
#include <vector>

#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun {

/// Takes a job back, and with it the chain that it is part of: the run's other jobs that wait or run, and the next one, which a job that
/// ends at this moment may be queueing. An array takes its members' chains with it. The ids of those that were taken back; one that has
/// ended already is among them where it is `job` itself, for that was wanted.
std::vector<std::string> cancel_run(const QueuedJob& job, Scheduler& scheduler, std::time_t now);

}  // namespace llmrun
