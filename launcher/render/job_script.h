#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/plan.h"

namespace llmrun {

/// What a job script says beside its plan.
struct JobRequest {
  std::string llmrun;                                 // the absolute path of this program
  std::vector<std::string> depends = {};              // "afterok:27.server": jobs of this scheduler that must end first, by their full ids
  std::string array = {};                             // "0-7", "0-7%2": indices of a sweep's members, and how many at once; empty: one run
  std::vector<std::filesystem::path> templates = {};  // template_directories(): a site's own templates
  std::string size_key = {};                          // Resolved::model_size_key: the job, which has not the variable, calls the model so
  std::optional<int64_t> ranks = {};                  // --ranks; empty: the job counts its own, a rank a GPU
};

/// What `llmrun render` prints and `llmrun submit` queues: a bash script for the machine's scheduler that carries every field of the job as
/// a directive, so that `qsub job.sh` or `sbatch job.sh` by hand is the same job. Its command is `llmrun train` on the resolved
/// configuration, inside the allocation, so a job that its system starts again goes on from the last checkpoint.
/// With `array`, plan.dir holds `members` beside job.sh: one run directory a line, line number = index, from 0. Each element of the array
/// trains the config.yaml of its line.
/// Throws Error(Exit::config) where a value could break out of a directive, with all of them, and for a machine without a scheduler.
std::string job_script(const Plan& plan, const JobRequest& request);

}  // namespace llmrun
