#pragma once
#include "engine/core/json.h"
#include "launcher/scheduler/job.h"

namespace llmrun {

/// A job as `status --json` shows it and the cache of answers keeps it; times in seconds since 1970.
json to_json(const Job& job);
/// Of such an object, in whatever state a file is: what is missing or of another type is as in Job{}.
Job job_of_json(const json& document);

}  // namespace llmrun
