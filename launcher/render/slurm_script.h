#pragma once
#include "engine/core/json.h"
#include "launcher/render/job_script.h"

namespace llmrun {

/// The values behind `job.` in templates/slurm/job.sh: what sbatch reads of it. Throws Error(Exit::config).
json slurm_fields(const Plan& plan, const JobRequest& request);

}  // namespace llmrun
