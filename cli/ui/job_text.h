#pragma once
#include <cstdint>
#include <string>

#include "launcher/scheduler/known_jobs.h"

namespace llmrun::cli {

/// "00:12:05/01:00:00": how long a job has run, of how long it may; "-" where nothing is known. `now`: seconds since 1970.
std::string time_text(const Job& job, int64_t now);

/// A job, when it was heard of, and what was heard. `now`: seconds since 1970.
json to_json(const KnownJob& job, int64_t now);

/// For stderr, under what is known of jobs: how old it is, and why it is not newer. Empty where it was just told.
std::string freshness_text(const KnownJobs& known, int64_t now);

}  // namespace llmrun::cli
