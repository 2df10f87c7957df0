#include "launcher/plan/make_plan.h"

#include <algorithm>
#include <numeric>

#include "engine/core/tcp_limit.h"
#include "launcher/plan/layout.h"
#include "launcher/plan/nearest.h"
#include "launcher/plan/validate.h"
#include "launcher/profile/text_check.h"
#include "launcher/rundir/alcf_name.h"

namespace llmrun {
namespace {

constexpr std::string_view kNodesOfJob = "job.nodes";  // hosts that a queue is to give

bool has_slots(const std::vector<Host>& hosts) {
  return std::any_of(hosts.begin(), hosts.end(), [](const Host& host) { return host.slots > 0; });
}

/// Ranks of a host of which no number of slots is said; 0: as many as needed. The same for all hosts: there may be ten thousand.
int64_t room_of_bare_host(const PlanInput& input) {
  if (has_slots(input.allocation.hosts)) return 1;  // a bare line among lines with slots is one
  if (input.resolved.config.parallel.communicator == CommunicatorKind::thread) return 0;
  return input.node.gpus;
}

/// Ranks that each host has room for, in their order; 0: as many as needed.
std::vector<int64_t> rooms(const PlanInput& input) {
  const std::optional<int64_t> asked = input.resolved.config.job.ranks_per_node;
  const int64_t bare = room_of_bare_host(input);
  std::vector<int64_t> rooms;
  for (const Host& host : input.allocation.hosts) rooms.push_back(asked ? *asked : host.slots > 0 ? host.slots : bare);
  return rooms;
}

RankCount rank_count(const PlanInput& input, const std::vector<int64_t>& rooms) {
  RankCount count{input.ranks, std::ssize(input.allocation.hosts)};
  const int64_t total = std::accumulate(rooms.begin(), rooms.end(), int64_t{0});
  if (!count.said && total > 0) count.said = total;
  if (std::find(rooms.begin(), rooms.end(), 0) == rooms.end()) count.most = total;
  return count;
}

/// The most ranks that the axes fill in a room for so many; 0: the room is too small for them.
int64_t ranks_in(const ParallelConfig& parallel, int64_t room) {
  const int64_t product = ranks_asked_for(parallel);
  return parallel.data ? (product <= room ? product : 0) : room / product * product;
}

/// Hosts of a job to come that the axes would leave without a rank.
[[noreturn]] void refuse_idle_hosts(const PlanInput& input, int64_t ranks, size_t used) {
  const int64_t hosts = static_cast<int64_t>(input.allocation.hosts.size());
  const int64_t product = ranks_asked_for(input.resolved.config.parallel), each = product / std::gcd(product, hosts);
  const std::string fewer = fmt::format("--set job.nodes={}", used);
  throw Error(Exit::config, "{} hosts ({}), and the {} ranks that the axes ask for take only {} of them", hosts, input.allocation.source,
              ranks, used)
      .hint("{}{}", fewer, input.resolved.config.parallel.data ? "" : fmt::format(", or --set job.ranks_per_node={}", each));
}

std::string run_directory(const PlanInput& input, const std::string& name) {
  const std::string& dir = input.resolved.config.run.dir;
  const std::filesystem::path path = dir.empty() ? input.directory / "outputs" / name : input.directory / dir;
  return path.lexically_normal().string();
}

void check_name(const std::string& name, const Resolved& resolved, std::vector<Complaint>& complaints) {
  if (name == "last") {
    complaints.push_back({"run.name 'last' is how commands call the newest run", {}, {resolved.set_by("run.name")}, "any other name"});
    return;
  }
  if (name.size() > 255) {
    complaints.push_back({fmt::format("run.name '{}...' has {} bytes", name.substr(0, 40), name.size()),
                          {},
                          {resolved.set_by("run.name")},
                          "a directory's name may have 255: --set run.name=NAME"});
    return;
  }
  if (name.find('/') == std::string::npos && !name.starts_with('.') && !name.starts_with('-')) return;
  complaints.push_back({fmt::format("run.name '{}' cannot name a directory", name),
                        {},
                        {resolved.set_by("run.name")},
                        "letters, digits, '-', '_' and '.', and no '/': a directory is set by run.dir"});
}

}  // namespace

Device device_of(const PlanInput& input) {
  const CommunicatorKind communicator = input.resolved.config.parallel.communicator;
  const bool host_only = communicator == CommunicatorKind::mpi || communicator == CommunicatorKind::tcp;  // they carry host memory
  return input.node.gpus > 0 && !host_only ? Device::cuda : Device::cpu;
}

int64_t Placement::ranks() const {
  int64_t sum = 0;
  for (const PlanHost& host : hosts) sum += host.slots;
  return sum;
}

Placement place_ranks(const PlanInput& input) {
  const std::vector<Host>& hosts = input.allocation.hosts;
  const std::vector<int64_t> room = rooms(input);
  const int64_t ranks = rank_count(input, room).of(input.resolved.config.parallel), count = std::ssize(hosts);
  const int64_t even = (ranks + count - 1) / count;
  Placement placement;
  int64_t left = ranks, all = 0;
  for (size_t i = 0; i < hosts.size(); ++i) {
    const int64_t fits = room[i] > 0 ? room[i] : even;
    all += fits;
    const int64_t here = std::min(left, fits);
    if (here > 0) placement.hosts.push_back({hosts[i].name, here});
    left -= here;
  }
  if (left > 0) {
    const bool gpus = !has_slots(hosts) && !input.resolved.config.job.ranks_per_node;
    const int64_t fewer = ranks_in(input.resolved.config.parallel, all);
    const bool to_come = input.allocation.source == kNodesOfJob ||
                         (input.allocation.this_machine_only() && input.resolved.config.machine.scheduler != "local");
    const std::string more = to_come ? fmt::format("--set job.nodes={}", (ranks * count + all - 1) / all) : "more hosts";
    throw Error(Exit::preflight, "{} ranks do not fit: {} host{} of {} {}", ranks, count, count == 1 ? "" : "s", input.allocation.source,
                gpus ? fmt::format("x {} GPUs = {}", input.node.gpus, all) : fmt::format("have room for {}", all))
        .hint("{}{}{}", fewer > 0 ? fmt::format("--ranks {}", fewer) : more, fewer > 0 && (to_come || !gpus) ? ", or " + more : "",
              gpus ? ", or on CPUs: --set machine.node.gpus=0" : "");
  }
  if (input.allocation.source == kNodesOfJob && !input.ranks && static_cast<int64_t>(placement.hosts.size()) < count)
    refuse_idle_hosts(input, ranks, placement.hosts.size());
  for (const PlanHost& host : placement.hosts) placement.ranks_per_node = std::max(placement.ranks_per_node, host.slots);
  return placement;
}

Plan make_plan(const PlanInput& input) {
  const Resolved& resolved = input.resolved;
  const Config& config = resolved.config;
  std::vector<Complaint> complaints;
  const Placement placement = place_ranks(input);

  Plan plan;
  plan.device = device_of(input);
  const bool shares_gpus = config.parallel.communicator == CommunicatorKind::thread;
  if (plan.device == Device::cuda && placement.ranks_per_node > input.node.gpus && !shares_gpus)
    throw Error(Exit::preflight, "{} ranks a node, but a node has {} GPUs ({})", placement.ranks_per_node, input.node.gpus,
                input.node.gpus_from)
        .hint("--set job.ranks_per_node={}", input.node.gpus);
  const bool shaped = check_model(resolved, complaints);
  const auto [layout, batch] = lay_out(resolved, rank_count(input, rooms(input)), shaped, complaints);
  plan.layout = layout;
  if (shaped) check_layout(resolved, plan.device, complaints);
  if (config.parallel.communicator == CommunicatorKind::tcp && placement.ranks() > kMostTcpRanks)
    complaints.push_back({fmt::format("parallel.communicator tcp connects every rank with every other, and is for {} ranks at most, not {}",
                                      kMostTcpRanks, placement.ranks()),
                          {},
                          {resolved.set_by("parallel.communicator")},
                          "--set parallel.communicator=auto"});
  if (config.parallel.communicator == CommunicatorKind::thread && placement.hosts.size() > 1)
    complaints.push_back(
        {"parallel.communicator thread keeps all ranks in one process, but there are " + std::to_string(placement.hosts.size()) + " hosts",
         {},
         {resolved.set_by("parallel.communicator")},
         "--set parallel.communicator=auto"});
  plan.steps = derive_steps(resolved, batch.global * config.train.seq_len, complaints);
  plan.name =
      !config.run.name.empty() ? config.run.name : alcf_name(config, plan.layout, batch.global, resolved.model_size_key, input.flash);
  check_name(plan.name, resolved, complaints);
  check_environment(resolved, complaints);
  check_data(resolved, complaints);
  if (!complaints.empty()) throw Error(Exit::config, std::move(complaints));

  plan.dir = run_directory(input, plan.name);
  if (!is_utf8(plan.dir))  // its path stands in plan.json and run.json
    throw Error(Exit::preflight, "cannot use '{}': the name is not UTF-8", plan.dir)
        .hint("--set run.dir=DIRECTORY, or start in another one");
  plan.hosts = placement.hosts;
  plan.ranks_per_node = placement.ranks_per_node;
  plan.communicator = config.parallel.communicator;
  plan.threads = config.parallel.threads.value_or(std::max<int64_t>(1, input.node.cores / placement.ranks_per_node));
  plan.global_batch = batch.global;
  plan.accumulate = batch.accumulate;
  plan.model = model_shape(config.model, config.train.seq_len);
  plan.config = config;
  return plan;
}

Allocation allocation_for(Intent intent, Allocation here, const Config& config) {
  const std::optional<int64_t> nodes = config.job.nodes;
  if (!nodes) return here;
  const int64_t hosts = std::ssize(here.hosts);
  const bool login_node = here.this_machine_only() && (config.machine.scheduler != "local" || *nodes != hosts);
  const bool other_job = intent == Intent::queue && here.is_of_job() && *nodes != hosts;
  if ((login_node && intent != Intent::start) || other_job) {
    Allocation to_come{{}, std::string(kNodesOfJob)};
    for (int64_t node = 1; node <= *nodes; ++node) to_come.hosts.push_back({fmt::format("node-{}", node)});
    return to_come;
  }
  if (*nodes != hosts)
    here.notes.push_back(fmt::format("note: job.nodes {} does not count here: ranks go to the {} host{} of {}", *nodes, hosts,
                                     hosts == 1 ? "" : "s", here.source));
  return here;
}

std::string flash_variant(const Variables& environment) {
  const auto on = [&](const char* name) {
    const std::string value = environment.get(name).value_or("");
    return !value.empty() && value != "0";
  };
  if (on("USE_FLASH_ATTN_V1") || on("USE_FLASH_ATTN1")) return "v1";
  if (on("USE_FLASH_ATTN_V2") || on("USE_FLASH_ATTN2")) return "v2";
  return on("USE_FLASH_ATTN_TRITON") ? "triton" : "";
}

}  // namespace llmrun
