#include "launcher/doctor/rank_probe.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/core/file.h"
#include "engine/core/run_paths.h"
#include "engine/core/spec/fields.h"
#include "launcher/launch/prepare.h"
#include "launcher/launch/supervise.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kErrorOfRank = "llmrun: ";  // as every program of ours begins one

/// A directory that is gone, with all that is in it, when the probe is over.
class Scratch {
 public:
  explicit Scratch(const fs::path& parent) : path_((parent / ".llmrun-probe-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr)
      throw Error(Exit::preflight, "cannot make a directory in '{}': {}", parent.string(), std::strerror(errno))
          .hint("--set run.dir=DIRECTORY that every host can write");
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  fs::path operator/(const char* name) const { return fs::path(path_) / name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// As for training, where the nodes' GPUs are some that we can compute on.
bool on_gpus(const PlanInput& input) {
  const std::string& accelerator = input.resolved.config.machine.node.accelerator;
  return device_of(input) == Device::cuda && (accelerator.empty() || accelerator == "cuda");
}

Launch launch_of(const PlanInput& input, const RankProbe& probe, const Scratch& scratch) {
  const Config& config = input.resolved.config;
  const Placement placement = place_ranks(input);
  Launch launch;
  launch.dir = launch.directory = scratch.path();
  launch.hosts = placement.hosts;
  launch.ranks_per_node = placement.ranks_per_node;
  launch.here_alone = is_here_alone(placement.hosts, probe.here);
  launch.ranks_are_threads = config.parallel.communicator == CommunicatorKind::thread;
  launch.cores_per_node = input.node.cores;
  launch.machine = config.machine;
  launch.command = {probe.rank_program};
  launch.command.insert(launch.command.end(), probe.words.begin(), probe.words.end());
  for (const auto& [option, value] : std::initializer_list<std::pair<const char*, std::string>>{
           {"--ranks", std::to_string(placement.ranks())},
           {"--communicator", find_field("parallel.communicator")->shown_in(config)},
           {"--device", on_gpus(input) ? "cuda" : "cpu"},
           {"--affinity", config.machine.node.affinity.empty() ? "none" : config.machine.node.affinity},
           {"--meeting", (scratch / "meeting").string()},
           {"--out", (scratch / "answer").string()}})
    launch.command.insert(launch.command.end(), {option, value});
  return launch;
}

}  // namespace

fs::path place_of_runs(const fs::path& directory, const Config& config) {
  fs::path path = directory / (config.run.dir.empty() ? "outputs" : config.run.dir);
  while (path.has_relative_path() && !fs::is_directory(path)) path = path.parent_path();
  return path;
}

PlanInput with_default_ranks(PlanInput input) {
  const std::vector<Host>& hosts = input.allocation.hosts;
  const bool slots = std::any_of(hosts.begin(), hosts.end(), [](const Host& host) { return host.slots > 0; });
  if (input.ranks || slots || input.resolved.config.job.ranks_per_node || input.node.gpus > 0) return input;
  input.ranks = input.allocation.this_machine_only() ? std::max<int64_t>(2, input.node.cores) : static_cast<int64_t>(hosts.size());
  return input;
}

ProbeAnswer run_rank_probe(const PlanInput& input, const RankProbe& probe, const Variables& environment) {
  const Scratch scratch(place_of_runs(input.directory, input.resolved.config));
  const Launch launch = launch_of(input, probe, scratch);
  Prepared prepared = prepare(launch, choose_launcher(launch, environment), environment);
  if (!prepared.hostfile.empty()) write_file_atomically(RunPaths(scratch.path()).hostfile(), prepared.hostfile);

  ProbeAnswer answer;
  Supervision supervision;
  supervision.processes = prepared.processes;
  supervision.launcher = prepared.launcher.get();
  bool told_by_rank = false;
  supervision.on_line = [&](std::string_view line) {
    const bool is_error = line.starts_with(kErrorOfRank);  // a hint and the launcher's own words come behind it
    if (is_error || !told_by_rank) answer.cause = line.substr(is_error ? kErrorOfRank.size() : 0);
    told_by_rank |= is_error;
    probe.on_line(line);
  };
  const auto end = Clock::now() + probe.most;
  supervision.on_tick = [&] {
    if (Clock::now() > end)
      throw Error(Exit::hang, "the ranks are not done after {} s", probe.most.count()).hint("a host or its network hangs: try fewer hosts");
  };
  const Ending ending = supervise(supervision);
  answer.exit_code = ending.stopped_by != 0 ? 128 + ending.stopped_by : ending.exit_code;
  if (fs::exists(scratch / "answer")) answer.text = read_file(scratch / "answer");
  if (answer.text.empty() && answer.exit_code == 0) answer.exit_code = static_cast<int>(Exit::failed);
  return answer;
}

}  // namespace llmrun
