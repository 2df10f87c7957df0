#include "launcher/launch/launch.h"

#include "engine/core/run_paths.h"

namespace llmrun {

int64_t Launch::ranks() const {
  int64_t sum = 0;
  for (const PlanHost& host : hosts) sum += host.slots;
  return sum;
}

bool is_here_alone(const std::vector<PlanHost>& hosts, const std::string& here) {
  if (hosts.size() != 1) return false;
  const std::string name = hosts[0].name.substr(0, hosts[0].name.find('.'));
  return name == "localhost" || name == here;
}

Launch launch_of(const Plan& plan, const std::string& rank_program, int64_t cores_per_node, const std::string& here) {
  return {.dir = plan.dir,
          .directory = plan.dir,
          .hosts = plan.hosts,
          .ranks_per_node = plan.ranks_per_node,
          .here_alone = is_here_alone(plan.hosts, here),
          .trains = true,
          .ranks_are_threads = plan.communicator == CommunicatorKind::thread,
          .threads = plan.threads,
          .cores_per_node = cores_per_node,
          .command = {rank_program, "--plan", RunPaths(plan.dir).plan().string()},
          .watcher = std::filesystem::path(rank_program).replace_filename("llmrun").string(),
          .variables = {},
          .forwarded = {"PATH", "http_proxy", "https_proxy"},
          .machine = plan.config.machine,
          .job = plan.config.job};
}

}  // namespace llmrun
