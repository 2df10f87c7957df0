#include "launcher/plan/queue_limits.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/core/spec/nearest.h"
#include "engine/core/units.h"
#include "launcher/plan/critic.h"

namespace llmrun {
namespace {

using Limits = std::array<int64_t, 2>;  // least and most; a profile that does not say them sets none: most is 0

bool within(int64_t value, const Limits& limits) { return limits[1] == 0 || (limits[0] <= value && value <= limits[1]); }
int64_t nearest_within(int64_t value, const Limits& limits) {
  return within(value, limits) ? value : std::clamp(value, limits[0], limits[1]);
}

/// What is asked of a queue; a walltime that is not set fits everywhere.
struct Wish {
  int64_t nodes;
  std::optional<int64_t> walltime_s;

  std::string shown() const {
    return fmt::format("{} node{}{}", nodes, nodes == 1 ? "" : "s", walltime_s ? " for " + format_duration(*walltime_s) : "");
  }
};

bool takes(const QueueLimits& queue, const Wish& wish) {
  return within(wish.nodes, queue.nodes) && (!wish.walltime_s || within(*wish.walltime_s, queue.walltime_s));
}

/// The queues that `queue` hands its jobs on to; none for a queue that runs them itself.
std::vector<const QueueLimits*> behind(const MachineConfig& machine, const QueueLimits& queue) {
  std::vector<const QueueLimits*> queues;
  for (const QueueLimits& each : machine.queues)
    if (each.via == queue.name) queues.push_back(&each);
  return queues;
}

/// Whether a job that is submitted there will run.
bool runs(const MachineConfig& machine, const QueueLimits& queue, const Wish& wish) {
  const auto queues = behind(machine, queue);
  const auto fits = [&](const QueueLimits* each) { return takes(*each, wish); };
  return queue.via.empty() && takes(queue, wish) && (queues.empty() || std::any_of(queues.begin(), queues.end(), fits));
}

/// "--set job.queue=prod, which takes 20 nodes for 01:00:00", or what the chosen queue takes where none does.
std::string queue_hint(const MachineConfig& machine, const QueueLimits& chosen, Wish wish) {
  for (const QueueLimits& queue : machine.queues)
    if (runs(machine, queue, wish)) return fmt::format("--set job.queue={}, which takes {}", queue.name, wish.shown());
  wish.nodes = nearest_within(wish.nodes, chosen.nodes);
  const QueueLimits* where = &chosen;
  for (const QueueLimits* each : behind(machine, chosen))
    if (within(wish.nodes, each->nodes)) where = each;
  if (wish.walltime_s) wish.walltime_s = nearest_within(*wish.walltime_s, where->walltime_s);
  return fmt::format("--set job.nodes={}{}", wish.nodes, wish.walltime_s ? " --set job.walltime=" + format_duration(*wish.walltime_s) : "");
}

/// A routing queue takes what none of its queues takes: PBS then gives an id, and the job is gone (transcripts: route.prod_bad_walltime).
void check_route(const MachineConfig& machine, const QueueLimits& queue, const Wish& wish, Critic& critic) {
  const auto queues = behind(machine, queue);
  if (queues.empty() || runs(machine, queue, wish)) return;
  std::vector<std::string> ways;  // each once: a backfill queue has the limits of another
  const auto add = [&](std::string way) {
    if (std::find(ways.begin(), ways.end(), way) == ways.end()) ways.push_back(std::move(way));
  };
  for (const QueueLimits* each : queues)
    if (wish.walltime_s && within(wish.nodes, each->nodes))
      add("--set job.walltime=" + format_duration(nearest_within(*wish.walltime_s, each->walltime_s)));
  for (const QueueLimits* each : queues)
    if (!wish.walltime_s || within(*wish.walltime_s, each->walltime_s))
      add(fmt::format("--set job.nodes={}", nearest_within(wish.nodes, each->nodes)));
  critic.say(fmt::format("no queue behind '{}' takes {}: the server would give an id, and the job would vanish", queue.name, wish.shown()),
             "job.walltime", {"job.walltime", "job.nodes"}, fmt::format("{}", fmt::join(ways, " or ")));
}

void check_limits(const MachineConfig& machine, const QueueLimits& queue, const Wish& wish, std::string_view who, Critic& critic) {
  if (!within(wish.nodes, queue.nodes))
    critic.say(fmt::format("queue '{}' takes {} to {} nodes, not {}", queue.name, queue.nodes[0], queue.nodes[1], wish.nodes), "job.nodes",
               {"job.nodes", who}, queue_hint(machine, queue, wish));
  if (wish.walltime_s && !within(*wish.walltime_s, queue.walltime_s))
    critic.say(fmt::format("queue '{}' takes {} to {}, not {}", queue.name, format_duration(queue.walltime_s[0]),
                           format_duration(queue.walltime_s[1]), format_duration(*wish.walltime_s)),
               "job.walltime", {"job.walltime", who}, queue_hint(machine, queue, wish));
  if (takes(queue, wish)) check_route(machine, queue, wish, critic);
}

void say_unknown(const MachineConfig& machine, const std::string& name, std::string_view who, Critic& critic) {
  std::vector<std::string_view> names;
  for (const QueueLimits& each : machine.queues)
    if (each.via.empty()) names.push_back(each.name);
  const std::string_view meant = nearest(name, names);
  critic.say(fmt::format("machine '{}' has no queue '{}'", machine.profile, name), who, {who},
             meant.empty() ? fmt::format("it has {}", fmt::join(names, ", ")) : fmt::format("--set job.queue={}", meant));
}

/// A rank has a GPU. More than one node's worth of them is told by check_limits.
void check_gpus(const QueueLimits& queue, const JobSize& size, Critic& critic) {
  const std::vector<int64_t>& may = queue.gpus;
  if (may.empty() || size.nodes > 1 || std::find(may.begin(), may.end(), size.ranks) != may.end()) return;
  const auto more = std::find_if(may.begin(), may.end(), [&](int64_t gpus) { return gpus > size.ranks; });
  critic.say(fmt::format("queue '{}' takes {} GPUs of a node, not {}", queue.name, fmt::join(may, ", "), size.ranks), "job.ranks_per_node",
             {"job.ranks_per_node", "machine.queues"}, fmt::format("--set job.ranks_per_node={}", more == may.end() ? may.back() : *more));
}

void check_queue(const Resolved& resolved, const JobSize& size, Critic& critic) {
  const MachineConfig& machine = resolved.config.machine;
  const JobConfig& job = resolved.config.job;
  const std::string_view who = job.queue.empty() ? "machine.default_queue" : "job.queue";
  const std::string& name = queue_of(resolved.config);
  if (name.empty() || machine.queues.empty()) return;
  const QueueLimits* queue = find_queue(machine, name);
  if (queue == nullptr) return say_unknown(machine, name, who, critic);
  check_limits(machine, *queue, {size.nodes, job.walltime_s}, who, critic);
  check_gpus(*queue, size, critic);
  if (queue->via.empty()) return;
  critic.say(fmt::format("queue '{}' takes no jobs itself: '{}' hands them on to it", queue->name, queue->via), who, {who},
             fmt::format("--set job.queue={}", queue->via));
}

/// PBS takes any word, and a job that asks for a file system which is not there waits for ever.
void check_filesystems(const MachineConfig& machine, const JobConfig& job, Critic& critic) {
  if (machine.filesystems.empty()) return;
  const std::vector<std::string_view> known(machine.filesystems.begin(), machine.filesystems.end());
  for (const std::string& name : job.filesystems) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string_view meant = nearest(name, known);
    const std::string names = fmt::format("{}", fmt::join(known, ", "));
    critic.say(
        fmt::format("job.filesystems: machine '{}' has no file system '{}'", machine.profile, name), "job.filesystems", {"job.filesystems"},
        !meant.empty()
            ? fmt::format("did you mean '{}'?", meant)
            : fmt::format("it has {}; where there are others: --set machine.filesystems=[{},{}]", names, fmt::join(known, ","), name));
  }
}

}  // namespace

const std::string& queue_of(const Config& config) { return config.job.queue.empty() ? config.machine.default_queue : config.job.queue; }

const QueueLimits* find_queue(const MachineConfig& machine, std::string_view name) {
  const auto found =
      std::find_if(machine.queues.begin(), machine.queues.end(), [&](const QueueLimits& queue) { return queue.name == name; });
  return found == machine.queues.end() ? nullptr : &*found;
}

void check_job(const Resolved& resolved, const JobSize& size, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  const MachineConfig& machine = resolved.config.machine;
  const JobConfig& job = resolved.config.job;
  if (job.account.empty() && machine.scheduler != "slurm")  // a user of Slurm may have an account by default
    critic.say("job.account is not set: somebody must pay for the job", "job.account", {}, "--set job.account=PROJECT");
  if (!job.walltime_s) critic.say("job.walltime is not set", "job.walltime", {}, "--set job.walltime=01:00:00");
  if (job.walltime_s && job.margin() >= *job.walltime_s)
    critic.say(
        fmt::format("job.margin {} leaves nothing of job.walltime {}", format_duration(job.margin()), format_duration(*job.walltime_s)),
        "job.margin", {"job.margin", "job.walltime"}, fmt::format("--set job.margin={}", format_duration(*job.walltime_s / 10)));
  check_filesystems(machine, job, critic);
  check_queue(resolved, size, critic);
}

void check_array(const Resolved& resolved, const ArraySize& array, std::vector<Complaint>& complaints) {
  const QueueLimits* queue = find_queue(resolved.config.machine, queue_of(resolved.config));
  if (queue == nullptr || array.members < 2) return;
  Critic critic(resolved, complaints);
  if (const int64_t most = queue->jobs_of_user; most > 0 && array.members > most)
    critic.say(fmt::format("queue '{}' takes {} job{} of yours, and the {} members of the sweep are a job each", queue->name, most,
                           most == 1 ? "" : "s", array.members),
               "job.queue", {"job.queue"},
               fmt::format("--set job.array={}-{}, and later the others; or --set job.queue=another", array.first,
                           array.first + static_cast<size_t>(most) - 1));
}

}  // namespace llmrun
