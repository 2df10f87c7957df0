#include "launcher/launch/prepare.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>

#include "engine/core/run_paths.h"
#include "launcher/launch/local_identity.h"
#include "launcher/launch/program_rank.h"
#include "launcher/process/exported.h"
#include "launcher/render/template.h"
#include "launcher/rundir/saved_environment.h"

namespace llmrun {
namespace {

using Assignments = std::vector<std::pair<std::string, std::string>>;

/// In a job that says when it began (job.sh does), when its ranks stop by themselves: `margin` before its walltime is over.
std::optional<int64_t> stop_time(const JobConfig& job, const Variables& environment) {
  const auto begin = environment.get("LLMRUN_STARTED_AT");
  if (!begin || !job.walltime_s) return std::nullopt;
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(begin->data(), begin->data() + begin->size(), seconds);
  if (error != std::errc{} || end != begin->data() + begin->size())
    throw Error(Exit::usage, "LLMRUN_STARTED_AT '{}' is not a number of seconds", *begin).hint("unset LLMRUN_STARTED_AT");
  return seconds + *job.walltime_s - job.margin();
}

Assignments assignments(const Launch& launch, const Launcher& launcher, const AttemptName& attempt, std::optional<int64_t> stop) {
  Assignments set = launch.machine.environment;
  for (auto& variable : launcher.environment()) set.push_back(std::move(variable));
  set.emplace_back("OMP_NUM_THREADS", std::to_string(launch.threads));
  set.emplace_back("LLMRUN_LAUNCHER", launcher.name());
  set.emplace_back("LLMRUN_ATTEMPT", std::to_string(attempt.number));
  set.emplace_back("LLMRUN_ATTEMPT_ID", attempt.id);
  if (stop) set.emplace_back("LLMRUN_STOP_AT", std::to_string(*stop));
  set.insert(set.end(), launch.variables.begin(), launch.variables.end());
  return set;
}

/// What must reach ranks on other hosts: what we set, how libraries are found, and what the launch asks for.
std::vector<std::string> forwarded(const Launch& launch, const Variables& environment, bool stops) {
  std::vector<std::string> names;
  for (const auto& [name, value] : launch.machine.environment) names.push_back(name);
  for (const char* name : {"OMP_NUM_THREADS", "LLMRUN_LAUNCHER", "LLMRUN_ATTEMPT", "LLMRUN_ATTEMPT_ID"}) names.emplace_back(name);
  if (stops) names.emplace_back("LLMRUN_STOP_AT");
  for (const auto& [name, value] : launch.variables) names.push_back(name);
  if (launch.here_alone) return names;
  std::vector<std::string> wanted = launch.forwarded;
  wanted.emplace_back("LD_LIBRARY_PATH");
  for (const std::string& name : wanted)
    if (environment.get(name) && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

/// Under `llmrun __rank` where nobody else would say how a rank ended.
std::vector<std::string> watched(const Launch& launch, const Launcher& launcher) {
  if (launch.watcher.empty() || launcher.names_dead_ranks()) return launch.command;
  ProgramRank rank{.run = launch.dir, .ranks_of_hosts = {}, .keeps_log = false, .accelerator = "", .affinity = "", .argv = launch.command};
  for (const PlanHost& host : launch.hosts) rank.ranks_of_hosts.push_back(host.slots);
  return rank_command(launch.watcher, rank);
}

/// "node1.cluster.example", and neither "node1" nor an address.
bool has_domain(const std::string& host) {
  return host.find('.') != std::string::npos && host.find_first_not_of("0123456789.") != std::string::npos &&
         host.find(':') == std::string::npos;
}

LaunchRequest request_for(const Launch& launch, const Launcher& launcher, bool needs_hosts) {
  LaunchRequest request;
  request.ranks = launch.ranks();
  request.nodes = static_cast<int64_t>(launch.hosts.size());
  request.ranks_per_node = launch.ranks_per_node;
  request.even = request.ranks == request.ranks_per_node * request.nodes;
  request.has_domains = std::any_of(launch.hosts.begin(), launch.hosts.end(), [](const PlanHost& host) { return has_domain(host.name); });
  request.cores_per_node = launch.cores_per_node;
  if (needs_hosts) request.hostfile = RunPaths(launch.dir).hostfile().string();
  request.cpu_bind = launch.machine.cpu_bind;
  request.depth = launch.machine.depth;
  request.pmi = launch.machine.pmi;
  request.options = launch.machine.launcher_options;
  request.command = watched(launch, launcher);
  return request;
}

/// Launchers keep sockets and files of their own there, and fail with little said where they cannot: a batch system's directory of a job
/// that is over. Without the variable they take /tmp.
bool has_writable_tmpdir(const Variables& environment) {
  const auto directory = environment.get("TMPDIR");
  return directory && ::access(directory->c_str(), W_OK | X_OK) == 0;
}

/// What launch.sh is made from. Words that hold the value of a secret variable do not: it stays on disk.
json script_values(const Launch& launch, const Launcher& launcher, const Assignments& set, std::vector<std::string> argv, int64_t processes,
                   const Variables& environment) {
  for (std::string& word : argv) word = without_secrets(std::move(word), environment);
  json variables = json::array();
  for (const auto& [name, value] : set) {
    const Exported what = exported(name, value);
    variables.push_back({{"name", name}, {"value", what.value}, {"rest", what.rest}});
  }
  const bool each_rank = launcher.spawns_itself() && processes > 1;
  return {{"directory", launch.directory}, {"stale", stale_identity_names()}, {"environment", variables}, {"argv", argv},
          {"one_process", !each_rank},     {"each_rank", each_rank},          {"last", processes - 1}};
}

/// What is on the PATH: Open MPI's mpirun, MPICH's under either name, prterun.
std::unique_ptr<Launcher> installed_launcher(const Variables& environment) {
  if (const std::string mpirun = find_on_path("mpirun", environment); !mpirun.empty()) {
    std::error_code none;
    const bool mpich = std::filesystem::canonical(mpirun, none).filename() == "mpiexec.hydra";
    return mpich ? make_hydra() : make_openmpi();
  }
  if (!find_on_path("prterun", environment).empty()) return make_prrte();
  if (!find_on_path("mpiexec.hydra", environment).empty()) return make_hydra();
  return nullptr;
}

}  // namespace

std::unique_ptr<Launcher> choose_launcher(const Launch& launch, const Variables& environment) {
  if (launch.here_alone && launch.is_one_process()) return make_local();
  if (launch.machine.launcher == "local" && !launch.here_alone)
    throw Error(Exit::preflight, "machine.launcher local starts ranks on this machine only, and they belong on {}",
                launch.hosts.size() == 1 ? launch.hosts[0].name : fmt::format("{} hosts", launch.hosts.size()))
        .hint("--set machine.launcher=openmpi");
  if (!launch.machine.launcher.empty()) return make_launcher(launch.machine.launcher);
  if (!launch.here_alone && environment.get("SLURM_JOB_ID") && !find_on_path("srun", environment).empty()) return make_srun();
  if (auto installed = installed_launcher(environment)) return installed;
  if (launch.here_alone) return make_local();
  throw Error(Exit::preflight, "no mpirun on the PATH to start ranks on {} hosts", launch.hosts.size())
      .hint("load the site's MPI module, or name its launcher: --set machine.launcher=pals");
}

int64_t most_processes() {
  int64_t most = std::numeric_limits<int64_t>::max();
  for (const char* file : {"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"})
    if (int64_t limit = 0; std::ifstream(file) >> limit) most = std::min(most, limit);
  rlimit own{};
  if (::geteuid() != 0 && ::getrlimit(RLIMIT_NPROC, &own) == 0 && own.rlim_cur != RLIM_INFINITY)
    most = std::min(most, static_cast<int64_t>(own.rlim_cur));
  return most;
}

void check_processes(const Launch& launch, int64_t most) {
  if (!launch.here_alone || launch.is_one_process() || launch.ranks() <= most) return;
  throw Error(Exit::preflight, "{} ranks are more processes than this machine may have: {}", launch.ranks(), most)
      .hint("--ranks {} is one a core; ulimit -u and /proc/sys/kernel/pid_max are the limits", launch.cores_per_node);
}

Prepared prepare(const Launch& launch, std::shared_ptr<Launcher> launcher, const Variables& environment, const AttemptName& attempt) {
  const bool by_us = launcher->spawns_itself();
  const bool needs_hosts = !by_us && !(launch.here_alone && launcher->knows_this_machine());
  Prepared prepared;
  prepared.launcher = std::move(launcher);
  prepared.stop_at = stop_time(launch.job, environment);
  prepared.set = assignments(launch, *prepared.launcher, attempt, prepared.stop_at);
  prepared.hostfile = prepared.launcher->hostfile_text(launch.hosts);
  LaunchRequest request = request_for(launch, *prepared.launcher, needs_hosts);
  request.forwarded = forwarded(launch, environment, prepared.stop_at.has_value());
  const std::vector<std::string> argv = prepared.launcher->argv(request);

  Variables base = environment;
  remove_stale_identity(base);
  if (!has_writable_tmpdir(base)) base.remove("TMPDIR");
  for (const auto& [name, value] : prepared.set) export_to(base, name, value);
  const int64_t processes = by_us && !launch.is_one_process() ? launch.ranks() : 1;
  for (int64_t rank = 0; rank < processes; ++rank) {
    Variables own = base;
    if (by_us) set_local_identity(own, rank, processes);
    // A launcher is asked, so that it can end its ranks; a rank of ours, which may be stuck, is not.
    prepared.processes.push_back({argv, std::move(own), by_us ? SIGKILL : SIGTERM});
  }
  Assignments exported = prepared.set;
  if (by_us)
    for (auto& variable : local_world(processes)) exported.push_back(std::move(variable));
  if (by_us && processes == 1)
    for (const char* name : {"RANK", "LOCAL_RANK"}) exported.emplace_back(name, "0");
  prepared.script = render_template(find_template("local/launch.sh", template_directories(environment)),
                                    script_values(launch, *prepared.launcher, exported, argv, processes, environment));
  return prepared;
}

}  // namespace llmrun
