#include "launcher/launch/program_launch.h"

#include <algorithm>

#include "launcher/launch/program_rank.h"
#include "launcher/rundir/log_name.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;
constexpr size_t kLongestProgramName = 64;
constexpr int kMostInASecond = 1000;

/// The program's file name, of characters that need no quoting anywhere.
std::string plain_name(const std::string& program) {
  std::string name = fs::path(program).filename().string().substr(0, kLongestProgramName);
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '.') c = '-';
  name.erase(0, name.find_first_not_of("-."));
  return name.empty() ? "program" : name;
}

ProgramRank rank_of(const Placement& placement, const PlanInput& input, const std::vector<std::string>& argv, const fs::path& dir) {
  ProgramRank rank;
  rank.run = dir;
  for (const PlanHost& host : placement.hosts) rank.ranks_of_hosts.push_back(host.slots);
  rank.argv = argv;
  const NodeConfig& said = input.resolved.config.machine.node;
  if (input.node.gpus == 0 || said.affinity.empty() || said.affinity == "none") return rank;
  rank.gpus = input.node.gpus;
  rank.accelerator = said.accelerator.empty() ? "cuda" : said.accelerator;
  rank.affinity = said.affinity;
  return rank;
}

/// `base`, or `base-2` and so on where that is there already.
fs::path make_fresh_directory(const fs::path& base) {
  std::error_code failure;
  fs::create_directories(base.parent_path(), failure);
  for (int number = 1; number < kMostInASecond && !failure; ++number) {
    const fs::path directory = number == 1 ? base : fs::path(fmt::format("{}-{}", base.string(), number));
    if (fs::create_directory(directory, failure)) return directory;
  }
  throw Error(Exit::preflight, "cannot make directory '{}': {}", base.string(), failure ? failure.message() : "too many of that name")
      .hint("--set run.dir=DIRECTORY puts the run elsewhere");
}

/// The input with room for as many ranks as are asked for: other programs than ours may share GPUs.
PlanInput with_room(PlanInput input) {
  const auto& hosts = input.allocation.hosts;
  JobConfig& job = input.resolved.config.job;
  const bool slots = std::any_of(hosts.begin(), hosts.end(), [](const Host& host) { return host.slots > 0; });
  if (job.ranks_per_node || slots) return input;
  if (!input.ranks && input.node.gpus == 0) job.ranks_per_node = 1;
  if (input.ranks && *input.ranks > input.node.gpus * static_cast<int64_t>(hosts.size())) input.node.gpus = 0;
  return input;
}

}  // namespace

RunPlace run_place(const PlanInput& input, const std::string& program) {
  const RunConfig& run = input.resolved.config.run;
  if (run.name.find('/') != std::string::npos || run.name.starts_with('.') || run.name.starts_with('-'))
    throw Error(Exit::config, "run.name '{}' cannot name a directory", run.name).hint("a directory is set by run.dir");
  if (run.name == "last") throw Error(Exit::config, "run.name 'last' is how commands call the newest run").hint("any other name");
  const std::string name = !run.name.empty() ? run.name : !run.dir.empty() ? fs::path(run.dir).filename().string() : plain_name(program);
  return {name, (run.dir.empty() ? input.directory / "outputs" / name : input.directory / run.dir).lexically_normal()};
}

RunPlace make_run_place(const PlanInput& input, const std::string& program, std::time_t now) {
  const RunConfig& run = input.resolved.config.run;
  RunPlace place = run_place(input, program);
  if (!run.name.empty() || !run.dir.empty()) return place;
  place.dir = make_fresh_directory(fmt::format("{}-{}", place.dir.string(), compact_time(now)));
  place.name = place.dir.filename().string();
  return place;
}

Launch program_launch(PlanInput input, const std::vector<std::string>& argv, const std::string& llmrun, const std::string& here,
                      const fs::path& dir) {
  const Placement placement = place_ranks(with_room(input));
  const Config& config = input.resolved.config;
  Launch launch;
  launch.dir = dir.string();
  launch.directory = input.directory.string();
  launch.hosts = placement.hosts;
  launch.ranks_per_node = placement.ranks_per_node;
  launch.here_alone = is_here_alone(placement.hosts, here);
  launch.threads = config.parallel.threads.value_or(std::max<int64_t>(1, input.node.cores / placement.ranks_per_node));
  launch.cores_per_node = input.node.cores;
  launch.command = rank_command(llmrun, rank_of(placement, input, argv, dir));
  launch.forwarded = {"PATH", "PYTHONPATH", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX", "http_proxy", "https_proxy"};
  launch.machine = config.machine;
  launch.job = config.job;
  return launch;
}

void set_meeting_point(Launch& launch, uint16_t port) {
  launch.variables.emplace_back("MASTER_ADDR", launch.here_alone ? "127.0.0.1" : launch.hosts.at(0).name);
  launch.variables.emplace_back("MASTER_PORT", std::to_string(port));
}

}  // namespace llmrun
