#include "launcher/plan/queue_limits.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/core/spec/nearest.h"
#include "engine/core/units.h"
#include "launcher/plan/critic.h"

namespace llmrun {
namespace {

bool within(int64_t value, const std::array<int64_t, 2>& limits) { return limits[0] <= value && value <= limits[1]; }

/// Whether the queue takes that many nodes for that long; a walltime that is not set fits.
bool takes(const QueueLimits& queue, int64_t nodes, std::optional<int64_t> walltime_s) {
  return within(nodes, queue.nodes) && (!walltime_s || within(*walltime_s, queue.walltime_s));
}

/// "--set job.queue=prod, which takes 20 nodes for 01:00:00", or what the chosen queue takes where none does.
std::string queue_hint(const MachineConfig& machine, const QueueLimits& chosen, int64_t nodes, std::optional<int64_t> walltime_s) {
  const auto with_time = [&](const char* before, std::optional<int64_t> time) { return time ? before + format_duration(*time) : ""; };
  for (const QueueLimits& queue : machine.queues)
    if (takes(queue, nodes, walltime_s))
      return fmt::format("--set job.queue={}, which takes {} node{}{}", queue.name, nodes, nodes == 1 ? "" : "s",
                         with_time(" for ", walltime_s));
  if (walltime_s) walltime_s = std::clamp(*walltime_s, chosen.walltime_s[0], chosen.walltime_s[1]);
  return fmt::format("--set job.nodes={}{}", std::clamp(nodes, chosen.nodes[0], chosen.nodes[1]),
                     with_time(" --set job.walltime=", walltime_s));
}

void check_limits(const MachineConfig& machine, const QueueLimits& queue, int64_t nodes, std::optional<int64_t> walltime_s,
                  Critic& critic) {
  if (!within(nodes, queue.nodes))
    critic.say(fmt::format("queue '{}' takes {} to {} nodes, not {}", queue.name, queue.nodes[0], queue.nodes[1], nodes), "job.nodes",
               {"job.nodes", "job.queue"}, queue_hint(machine, queue, nodes, walltime_s));
  if (walltime_s && !within(*walltime_s, queue.walltime_s))
    critic.say(fmt::format("queue '{}' takes {} to {}, not {}", queue.name, format_duration(queue.walltime_s[0]),
                           format_duration(queue.walltime_s[1]), format_duration(*walltime_s)),
               "job.walltime", {"job.walltime", "job.queue"}, queue_hint(machine, queue, nodes, walltime_s));
}

void check_queue(const Resolved& resolved, int64_t nodes, Critic& critic) {
  const MachineConfig& machine = resolved.config.machine;
  const JobConfig& job = resolved.config.job;
  if (job.queue.empty() || machine.queues.empty()) return;
  const auto queue =
      std::find_if(machine.queues.begin(), machine.queues.end(), [&](const QueueLimits& each) { return each.name == job.queue; });
  if (queue != machine.queues.end()) return check_limits(machine, *queue, nodes, job.walltime_s, critic);
  std::vector<std::string_view> names;
  for (const QueueLimits& each : machine.queues) names.push_back(each.name);
  const std::string_view meant = nearest(job.queue, names);
  critic.say(fmt::format("machine '{}' has no queue '{}'", machine.profile, job.queue), "job.queue", {"job.queue"},
             meant.empty() ? fmt::format("it has {}", fmt::join(names, ", ")) : fmt::format("--set job.queue={}", meant));
}

}  // namespace

void check_job(const Resolved& resolved, int64_t nodes, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  const MachineConfig& machine = resolved.config.machine;
  const JobConfig& job = resolved.config.job;
  if (job.account.empty())
    critic.say("job.account is not set: somebody must pay for the job", "job.account", {}, "--set job.account=PROJECT");
  if (!job.walltime_s) critic.say("job.walltime is not set", "job.walltime", {}, "--set job.walltime=01:00:00");
  if (job.walltime_s && job.margin_s >= *job.walltime_s)
    critic.say(
        fmt::format("job.margin {} leaves nothing of job.walltime {}", format_duration(job.margin_s), format_duration(*job.walltime_s)),
        "job.margin", {"job.margin", "job.walltime"}, fmt::format("--set job.margin={}", format_duration(*job.walltime_s / 10)));
  if (machine.scheduler == "pbs" && job.filesystems.empty() && machine.filesystems.empty())
    critic.say("job.filesystems is not set", "job.filesystems", {}, "--set job.filesystems=[home]");
  check_queue(resolved, nodes, critic);
}

}  // namespace llmrun
