#pragma once
#include <map>
#include <string>
#include <string_view>

#include "launcher/scheduler/job.h"

namespace llmrun {

/// The jobs of `qstat -f -F json` (and of `-x`, `-t`), by their full id. Jobs that the server does not know are absent.
/// Older servers write bad escapes and bare control characters into strings, and a user's bytes as they are: those are mended. Throws
/// Error(Exit::unreachable) for an answer that is cut off or is no such JSON: no answer says nothing about a job. PBS tells times in the
/// local time of the server, which is taken for ours.
std::map<std::string, Job> jobs_of_qstat(std::string_view answer);

/// From which directory (PBS_O_WORKDIR), and when by the server's clock, each job of such an answer was submitted.
struct JobOrigin {
  std::string directory;
  int64_t time = 0;  // seconds since 1970
};
std::map<std::string, JobOrigin> origins_of_qstat(std::string_view answer);

/// Exit_status as a shell would tell it: 0-255 as it is, 256 + n and 128 + n for signal n, PBS's own negative codes as 1, its walltime kill
/// (-29) as SIGTERM.
int shell_code_of_pbs(int exit_status);

}  // namespace llmrun
