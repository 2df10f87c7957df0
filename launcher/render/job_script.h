#pragma once
#include <string>
#include <vector>

#include "engine/core/plan.h"

namespace llmrun {

/// What `llmrun render` prints and `llmrun submit` will queue on a PBS machine: every field of the job is a #PBS directive, so that
/// `qsub job.sh` by hand is the same job; its command is `llmrun train` on the resolved configuration, inside the allocation.
/// `llmrun`: the absolute path of this program. Throws Error(Exit::config) where a value could break out of a directive, with all of them.
std::string pbs_job_script(const Plan& plan, const std::string& llmrun);

}  // namespace llmrun
