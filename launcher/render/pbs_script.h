#pragma once
#include "engine/core/json.h"
#include "launcher/render/job_script.h"

namespace llmrun {

/// The values behind `job.` in templates/pbs/job.sh: what qsub reads of it. Throws Error(Exit::config).
json pbs_fields(const Plan& plan, const JobRequest& request);

}  // namespace llmrun
