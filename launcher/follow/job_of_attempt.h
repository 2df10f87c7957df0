#pragma once
#include "launcher/rundir/record.h"
#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/status_cache.h"

namespace llmrun {

// Which of a run's jobs has run an attempt: the one whose id the record holds. A record of an older llmrun, or of an attempt outside of any
// job, holds none: then times must tell, which are whole seconds of several clocks.

bool may_have_run(const QueuedJob& queued, const Attempt& attempt);

/// Whether the scheduler has put the job back since it ran the attempt, after a preemption or the loss of a node: it waits or runs again.
/// `as_of`: when it said so, milliseconds since 1970. REQUIRES may_have_run().
bool was_put_back(const Job& job, int64_t as_of, const Attempt& attempt);

/// Whether it is the job of an attempt that has ended, and starts no other: it is being cleaned up. One that was told to stop (SIGTERM) may
/// be preempted, and is past only when it has ended.
bool is_past(const QueuedJob& queued, const Job& job, int64_t as_of, const Attempt& attempt);

/// Whether the run's newest job has more to tell than its newest attempt: it is to start the next one.
bool is_newer(const QueuedJob& queued, const Sighting& seen, const Attempt& attempt);

}  // namespace llmrun
