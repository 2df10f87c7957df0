#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "launcher/scheduler/queued_job.h"

namespace llmrun {

/// The run directory that a person means by RUN, seen from `directory` and with every job that was queued: what find_run() knows here, and
/// what find_job() knows wherever it lies. A job's id in full or up to its server; a name here before one elsewhere; "last": the run that
/// was launched or queued last. Throws Error(Exit::usage) with what there is.
std::filesystem::path find_followed(const std::string& run, const std::filesystem::path& directory, const std::vector<QueuedJob>& jobs);

/// The jobs of a run, oldest first: those that its own list (RunPaths::events) names, and those of the user's list that were queued for
/// its directory.
std::vector<QueuedJob> jobs_of_run(const std::filesystem::path& run, const std::vector<QueuedJob>& of_user);

/// The file that a job's own output went to, where the scheduler put it into the run directory; empty where there is none yet.
std::filesystem::path output_of_job(const QueuedJob& job);

}  // namespace llmrun
