#include "launcher/render/slurm_script.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/render/job_fields.h"

namespace llmrun {
namespace {

/// Where a job's own words go. A directory that sbatch would read otherwise (blanks, %, quotes) is left to the current one of sbatch, which
/// is that of job.sh where llmrun submits.
std::string output(const Plan& plan, bool array) {
  const std::string logs = RunPaths(plan.dir).logs().string();
  const bool plain = std::all_of(logs.begin(), logs.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("_.+-:@/,=~").find(static_cast<char>(c)) != std::string_view::npos;
  });
  return fmt::format("{}/{}", plain ? logs : RunPaths("").logs().string(), array ? "job-%A_%a.out" : "job-%j.out");
}

}  // namespace

json slurm_fields(const Plan& plan, const JobRequest& request) {
  const JobConfig& job = plan.config.job;
  const MachineConfig& machine = plan.config.machine;
  const int64_t gpus = machine.node.gpus.value_or(0);
  const std::string queue = queue_of(plan.config);
  const bool qos = machine.queue_option == "qos";
  JobFields fields;
  fields.add("name", "run.name", plan.name);
  fields.add("nodes", "job.nodes", std::to_string(plan.hosts.size()));
  fields.add("ranks_per_node", "job.ranks_per_node", std::to_string(plan.ranks_per_node));
  fields.add("gpus_per_node", "machine.node.gpus", gpus > 0 ? std::to_string(gpus) : "");
  fields.add("walltime", "job.walltime", job.walltime_s ? format_duration(*job.walltime_s) : "");
  fields.add("partition", "job.queue", qos ? "" : queue, ",");
  fields.add("qos", "job.queue", qos ? queue : "");
  fields.add("constraint", "machine.select", machine.select, "&|()[]*=");
  fields.add("licenses", "job.filesystems",
             fmt::format("{}", fmt::join(job.filesystems.empty() ? machine.filesystems : job.filesystems, ",")), ",");
  fields.add("account", "job.account", job.account);
  fields.add("output", "run.dir", output(plan, !request.array.empty()), "/,=~%");
  fields.add_depend(request.depends);
  fields.add_array(request.array);
  fields.add_modules(machine.modules);
  return fields.take();
}

}  // namespace llmrun
