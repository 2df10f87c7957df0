#include "launcher/render/pbs_script.h"

#include <fmt/ranges.h>

#include "engine/core/units.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/render/job_fields.h"

namespace llmrun {

json pbs_fields(const Plan& plan, const JobRequest& request) {
  const JobConfig& job = plan.config.job;
  const MachineConfig& machine = plan.config.machine;
  JobFields fields;
  fields.add("name", "run.name", plan.name);
  fields.add("nodes", "job.nodes", std::to_string(plan.hosts.size()));
  fields.add("select", "machine.select", machine.select, "=");
  fields.add("walltime", "job.walltime", job.walltime_s ? format_duration(*job.walltime_s) : "");
  fields.add("filesystems", "job.filesystems",
             fmt::format("{}", fmt::join(job.filesystems.empty() ? machine.filesystems : job.filesystems, ":")));
  fields.add("queue", "job.queue", queue_of(plan.config));
  fields.add("account", "job.account", job.account);
  fields.add_depend(request.depends);
  fields.add_array(request.array);
  fields.add_modules(machine.modules);
  return fields.take();
}

}  // namespace llmrun
