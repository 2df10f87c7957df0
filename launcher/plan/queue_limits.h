#pragma once
#include <vector>

#include "launcher/profile/resolved.h"

namespace llmrun {

/// The queue that a job goes to: job.queue, else machine.default_queue; empty: the scheduler's own.
const std::string& queue_of(const Config& config);
/// What the profile says of a queue; nothing where it does not list it.
const QueueLimits* find_queue(const MachineConfig& machine, std::string_view name);

/// True for a queue whose jobs share a node: they ask for GPUs, not for nodes.
inline bool shares_nodes(const QueueLimits& queue) { return !queue.gpus.empty(); }

struct JobSize {
  int64_t nodes = 1;
  int64_t ranks = 1;
};

/// What this machine's scheduler would refuse, or let wait for ever, asked before the job is queued: a queue that the profile does not
/// list or that takes no jobs itself, nodes, GPUs or walltime outside its limits (each with the queues that take them), what no queue
/// behind a routing queue takes, no walltime, account or file systems. A limit that the profile does not say is none. A job that names no
/// queue goes to machine.default_queue. Machines whose profile lists no queues are not checked for limits.
void check_job(const Resolved& resolved, const JobSize& size, std::vector<Complaint>& complaints);

/// The members of a sweep that one array job is to hold.
struct ArraySize {
  size_t first = 0;  // by its index in the sweep
  int64_t members = 1;
};

/// Each member is a job of its user's, of which a queue may take only so many.
void check_array(const Resolved& resolved, const ArraySize& array, std::vector<Complaint>& complaints);

}  // namespace llmrun
