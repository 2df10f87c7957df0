#include "launcher/render/pbs_script.h"

#include <fmt/ranges.h>

#include "engine/core/units.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/render/job_fields.h"

namespace llmrun {

namespace {

constexpr size_t kLongestName = 230;  // qsub: "Job name is too long". Only qstat shows it, so the rest is cut off

/// What PBS places: a node, or in a queue whose jobs share one, a GPU of it.
struct Chunks {
  int64_t count;
  const char* place;
};

Chunks chunks_of(const Plan& plan) {
  const QueueLimits* queue = find_queue(plan.config.machine, queue_of(plan.config));
  if (queue != nullptr && shares_nodes(*queue)) return {plan.ranks(), "pack"};
  return {static_cast<int64_t>(plan.hosts.size()), "scatter"};
}

}  // namespace

json pbs_fields(const Plan& plan, const JobRequest& request) {
  const JobConfig& job = plan.config.job;
  const MachineConfig& machine = plan.config.machine;
  JobFields fields;
  fields.add("name", "run.name", plan.name.substr(0, kLongestName));
  fields.add("nodes", "job.nodes", std::to_string(plan.hosts.size()));
  const Chunks chunks = chunks_of(plan);
  fields.add("chunks", "job.nodes", std::to_string(chunks.count));
  fields.add("place", "machine.queues", chunks.place);
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
