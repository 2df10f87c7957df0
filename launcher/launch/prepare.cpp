#include "launcher/launch/prepare.h"

#include <charconv>

#include "engine/core/run_paths.h"
#include "launcher/launch/local_identity.h"
#include "launcher/render/template.h"

namespace llmrun {
namespace {

using Assignments = std::vector<std::pair<std::string, std::string>>;

bool is_one_process(const Plan& plan) { return plan.ranks() == 1 || plan.communicator == CommunicatorKind::thread; }

/// In a job that says when it began (job.sh does), when its ranks stop by themselves: `margin` before its walltime is over.
std::optional<int64_t> stop_time(const JobConfig& job, const Variables& environment) {
  const auto begin = environment.get("LLMRUN_STARTED_AT");
  if (!begin || !job.walltime_s) return std::nullopt;
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(begin->data(), begin->data() + begin->size(), seconds);
  if (error != std::errc{} || end != begin->data() + begin->size())
    throw Error(Exit::usage, "LLMRUN_STARTED_AT '{}' is not a number of seconds", *begin).hint("unset LLMRUN_STARTED_AT");
  return seconds + *job.walltime_s - job.margin_s;
}

Assignments assignments(const Plan& plan, const Launcher& launcher, const AttemptName& attempt, std::optional<int64_t> stop) {
  Assignments set = plan.config.machine.environment;
  for (auto& variable : launcher.environment()) set.push_back(std::move(variable));
  set.emplace_back("OMP_NUM_THREADS", std::to_string(plan.threads));
  set.emplace_back("LLMRUN_LAUNCHER", launcher.name());
  set.emplace_back("LLMRUN_ATTEMPT", std::to_string(attempt.number));
  set.emplace_back("LLMRUN_ATTEMPT_ID", attempt.id);
  if (stop) set.emplace_back("LLMRUN_STOP_AT", std::to_string(*stop));
  return set;
}

/// What must reach ranks on other hosts: what we set, and how libraries are found.
std::vector<std::string> forwarded(const Plan& plan, const Variables& environment, bool stops) {
  std::vector<std::string> names;
  for (const auto& [name, value] : plan.config.machine.environment) names.push_back(name);
  for (const char* name : {"OMP_NUM_THREADS", "LLMRUN_LAUNCHER", "LLMRUN_ATTEMPT", "LLMRUN_ATTEMPT_ID"}) names.emplace_back(name);
  if (stops) names.emplace_back("LLMRUN_STOP_AT");
  if (plan.hosts.size() > 1 && environment.get("LD_LIBRARY_PATH")) names.emplace_back("LD_LIBRARY_PATH");
  return names;
}

json script_values(const Plan& plan, const Launcher& launcher, const Assignments& set, const std::vector<std::string>& argv,
                   int64_t processes) {
  json variables = json::array();
  for (const auto& [name, value] : set) variables.push_back({{"name", name}, {"value", value}});
  const bool each_rank = launcher.spawns_itself() && processes > 1;
  return {{"directory", plan.dir},     {"stale", stale_identity_names()}, {"environment", variables}, {"argv", argv},
          {"one_process", !each_rank}, {"each_rank", each_rank},          {"last", processes - 1}};
}

}  // namespace

std::unique_ptr<Launcher> choose_launcher(const Plan& plan, const Variables& environment, const std::string& here) {
  const std::string& named = plan.config.machine.launcher;
  const bool only_here = plan.hosts.size() == 1 && (plan.hosts[0].name == here || plan.hosts[0].name == "localhost");
  if (only_here && is_one_process(plan)) return make_local();
  if (!named.empty()) return make_launcher(named);
  if (!find_on_path("mpirun", environment).empty()) return make_openmpi();
  if (only_here) return make_local();
  throw Error(Exit::preflight, "no mpirun on the PATH to start ranks on {} hosts", plan.hosts.size())
      .hint("load the site's MPI module, or name its launcher: --set machine.launcher=pals");
}

Prepared prepare(const Plan& plan, std::shared_ptr<Launcher> launcher, const std::string& rank_program, int64_t cores_per_node,
                 const Variables& environment, const AttemptName& attempt) {
  const RunPaths paths(plan.dir);
  const bool needs_hosts = plan.hosts.size() > 1 || (!launcher->spawns_itself() && launcher->name() != "openmpi");
  LaunchRequest request;
  request.ranks = plan.ranks();
  request.ranks_per_node = plan.ranks_per_node;
  request.even = plan.ranks() == plan.ranks_per_node * static_cast<int64_t>(plan.hosts.size());
  request.cores_per_node = cores_per_node;
  if (needs_hosts) request.hostfile = paths.hostfile().string();
  const std::optional<int64_t> stop = stop_time(plan.config.job, environment);
  request.forwarded = forwarded(plan, environment, stop.has_value());
  request.cpu_bind = plan.config.machine.cpu_bind;
  request.depth = plan.config.machine.depth;
  request.command = {rank_program, "--plan", paths.plan().string()};

  Prepared prepared;
  prepared.launcher = std::move(launcher);
  prepared.set = assignments(plan, *prepared.launcher, attempt, stop);
  if (needs_hosts) prepared.hostfile = prepared.launcher->hostfile_text(plan.hosts);
  Variables base = environment;
  remove_stale_identity(base);
  for (const auto& [name, value] : prepared.set) base.set(name, value);
  const std::vector<std::string> argv = prepared.launcher->argv(request);
  const int64_t processes = prepared.launcher->spawns_itself() && !is_one_process(plan) ? plan.ranks() : 1;
  for (int64_t rank = 0; rank < processes; ++rank) {
    Variables own = base;
    if (prepared.launcher->spawns_itself()) set_local_identity(own, rank, processes);
    // A launcher is asked, so that it can end its ranks; a rank of ours, which may be stuck, is not.
    prepared.processes.push_back({argv, std::move(own), prepared.launcher->spawns_itself() ? SIGKILL : SIGTERM});
  }
  Assignments exported = prepared.set;
  if (prepared.launcher->spawns_itself())
    for (auto& variable : local_world(processes)) exported.push_back(std::move(variable));
  if (prepared.launcher->spawns_itself() && processes == 1)
    for (const char* name : {"RANK", "LOCAL_RANK"}) exported.emplace_back(name, "0");
  prepared.script = render_template(find_template("local/launch.sh", template_directories(environment)),
                                    script_values(plan, *prepared.launcher, exported, argv, processes));
  return prepared;
}

}  // namespace llmrun
