#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/process/variables.h"
#include "launcher/scheduler/queued_job.h"

namespace llmrun {

class Scheduler;

/// A job, anybody's, that waits for nodes.
struct WaitingJob {
  std::string id;
  int64_t nodes = 0;
};

/// Who waits in a queue, in the order that the scheduler tells of: by priority, then by time. It may start jobs in another one: a small job
/// fits where a large one waits. Held jobs, and those that can never run, are in nobody's way.
struct QueueLine {
  std::vector<WaitingJob> jobs;
  bool tells_of_others = false;  // false: sites may hide the jobs of others, or there were none
};

/// Of `qstat -f -F json`, all jobs of a server.
QueueLine line_of_qstat(std::string_view answer, std::string_view queue);

/// What squeue is asked for: `squeue --noheader --states=PENDING --partition=... --sort=-p,i --Format=` this.
inline constexpr std::string_view kSqueueLineFormat = "JobArrayID:60|,NumNodes:12|,UserName:100|,Reason:200";
QueueLine line_of_squeue(std::string_view answer);

/// What waits before one job.
struct QueueAhead {
  int64_t jobs = 0, nodes = 0;  // they, and what they want together
  bool tells_of_others = false;
};

/// Empty where the scheduler did not say, or does not have the job in that line. All processes of the user together ask at most once in
/// 15 s about a queue.
std::optional<QueueAhead> queue_ahead(const QueuedJob& job, const std::string& queue, Scheduler& scheduler, const Variables& environment);

}  // namespace llmrun
