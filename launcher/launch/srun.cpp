#include <algorithm>
#include <array>
#include <cstring>
#include <regex>

#include "launcher/launch/launcher.h"

namespace llmrun {
namespace {

/// "Killed", "Segmentation fault (core dumped)": the signal whose name this is; 0 for none.
int signal_named(std::string_view text) {
  for (int number = 1; number < 32; ++number) {
    const std::string_view name = ::sigdescr_np(number);
    if (text.starts_with(name)) return number;
  }
  return 0;
}

/// Slurm's srun inside an allocation. No GPUs are asked for a task: a rank sees all of its node and takes its own by its place there, as
/// under every other launcher; a GPU that Slurm hides cannot be reached by its neighbours' direct copies either.
class Srun : public Launcher {
 public:
  std::string_view name() const override { return "srun"; }

  std::vector<std::string> argv(const LaunchRequest& request) const override {
    std::vector<std::string> words{"srun", fmt::format("--nodes={}", request.nodes), fmt::format("--ntasks={}", request.ranks)};
    if (!request.hostfile.empty()) words.push_back("--nodelist=" + request.hostfile);
    if (request.even) {
      words.push_back(fmt::format("--ntasks-per-node={}", request.ranks_per_node));
      words.emplace_back("--distribution=block");  // consecutive ranks share a node, whatever the site's default is
    } else {
      words.emplace_back("--distribution=arbitrary");  // as the hostfile has it, a line a rank
    }
    words.emplace_back("--kill-on-bad-exit=1");
    words.emplace_back("--export=ALL");  // whatever the job was queued with (sbatch --export=NONE): ranks get what was made for them
    if (!request.pmi.empty()) words.push_back("--mpi=" + (request.pmi == "cray" ? "cray_shasta" : request.pmi));
    for (std::string& word : binding(request)) words.push_back(std::move(word));
    words.insert(words.end(), request.options.begin(), request.options.end());
    words.insert(words.end(), request.command.begin(), request.command.end());
    return words;
  }

  bool knows_this_machine() const override { return false; }  // it would take the first nodes of the allocation

  std::string hostfile_text(const std::vector<PlanHost>& hosts) const override {
    const bool even = std::all_of(hosts.begin(), hosts.end(), [&](const PlanHost& host) { return host.slots == hosts[0].slots; });
    std::string text;
    for (const PlanHost& host : hosts)
      for (int64_t line = 0; line < (even ? 1 : host.slots); ++line) text += host.name + "\n";
    return text;
  }

  /// "srun: error: n1: task 1: Killed", "srun: error: n1: tasks 0,2-3: Exited with exit code 7". Whom srun itself ended comes later.
  std::optional<RankDeath> death(std::string_view view) override {
    if (!view.starts_with("srun: error: ")) return {};
    static const std::regex kDeath(R"(^srun: error: (\S+): tasks? (\d+)[0-9,-]*: (?:Exited with exit code (\d+)|(.+)))");
    const std::string line(view);
    std::smatch found;
    if (!std::regex_search(line, found, kDeath)) return {};
    RankDeath death{std::stoll(found[2]), found[1]};
    if (found[3].matched)
      death.code = std::stoi(found[3]);
    else
      death.signal = signal_named(found[4].str());
    return death.code != 0 || death.signal != 0 ? std::optional(death) : std::nullopt;
  }

  bool is_chatter(std::string_view line) override {
    static constexpr std::array<std::string_view, 6> kOpenings{
        "srun: Job step aborted",           "srun: Force Terminated ",       "srun: Terminating ",
        "srun: launch/slurm: _step_signal", "srun: forcing job termination", "srun: interrupt"};
    if (std::any_of(kOpenings.begin(), kOpenings.end(), [&](std::string_view opening) { return line.starts_with(opening); })) return true;
    if (line.starts_with("slurmstepd") && line.find(": error: *** STEP ") != std::string_view::npos) return true;
    return death(line).has_value();
  }

  int stop_signal() const override { return SIGUSR1; }  // it hands that on; on SIGTERM it ends the step

 private:
  /// `depth` counts Slurm's CPUs. What neither none nor depth is goes to srun as it is: cores, mask_cpu:...
  static std::vector<std::string> binding(const LaunchRequest& request) {
    if (request.cpu_bind.empty()) return {};
    if (request.cpu_bind == "depth") return {fmt::format("--cpus-per-task={}", std::max<int64_t>(1, request.depth)), "--cpu-bind=cores"};
    return {"--cpu-bind=" + request.cpu_bind};
  }
};

}  // namespace

std::unique_ptr<Launcher> make_srun() { return std::make_unique<Srun>(); }

}  // namespace llmrun
