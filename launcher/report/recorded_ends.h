#pragma once
#include "launcher/scheduler/known_jobs.h"

namespace llmrun {

/// Jobs whose attempt has written down its end while the scheduler's last answer says that they wait or run become ended ones: an answer is
/// up to 15 s old, and PBS takes some seconds more to clean a job up. So does a cancelled job that was done already. The scheduler's word
/// stands where it may start the job again (SIGTERM). A job that is done by the scheduler alone, whose attempt never ended, was killed: PBS
/// tells Exit_status 0 of some. A job that was cancelled and then forgotten is cancelled, and so is one that no attempt was begun of: PBS
/// tells a start and Exit_status 1 of elements of an array that never ran. Any other that was forgotten, or never heard of, ended as its
/// attempt wrote down. These are looked for in the newest jobs alone.
void believe_recorded_ends(KnownJobs& known);

}  // namespace llmrun
