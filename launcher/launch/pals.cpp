#include <regex>

#include "launcher/launch/launcher.h"

namespace llmrun {
namespace {

/// HPE's PALS mpiexec: Polaris, Aurora. Word options take one dash or two. Its defaults can be changed by PALS_* variables of the user's
/// shell, so what a run depends on is said. `--envall`: a site's modules are the ranks' business too, and the environment travels from
/// mpiexec to the ranks of its own job only. `--no-transfer`: the program lies on a file system that every node has; by default it would be
/// copied to each one, without the libraries that it finds relative to itself.
class Pals : public Launcher {
 public:
  std::string_view name() const override { return "pals"; }

  std::vector<std::string> argv(const LaunchRequest& request) const override {
    std::vector<std::string> words{"mpiexec",
                                   "--envall",
                                   "--line-buffer",
                                   "--no-transfer",
                                   "--abort-on-failure",
                                   fmt::format("--np={}", request.ranks),
                                   fmt::format("--ppn={}", request.ranks_per_node)};
    if (!request.hostfile.empty()) words.push_back("--hostfile=" + request.hostfile);
    if (!request.pmi.empty()) words.push_back("--pmi=" + request.pmi);
    if (!request.cpu_bind.empty()) words.push_back("--cpu-bind=" + request.cpu_bind);
    if (request.cpu_bind == "depth" && request.depth > 0) words.push_back(fmt::format("--depth={}", request.depth));
    words.insert(words.end(), request.options.begin(), request.options.end());
    words.insert(words.end(), request.command.begin(), request.command.end());
    return words;
  }

  bool knows_this_machine() const override { return false; }  // it would take what PALS_HOSTFILE or PBS_NODEFILE says

  std::string hostfile_text(const std::vector<PlanHost>& hosts) const override {
    std::string text;
    for (const PlanHost& host : hosts) text += host.name + "\n";
    return text;
  }

  /// "x3006c0s13b0n0.hsn...: rank 5 died from signal 9 and dumped core", "...: rank 5 exited with code 3".
  std::optional<RankDeath> death(std::string_view view) override {
    if (view.find(": rank ") == std::string_view::npos) return {};
    static const std::regex kDeath(R"(^(\S+): rank (\d+) (exited with code|died from signal) (\d+))");
    const std::string line(view);
    std::smatch found;
    if (!std::regex_search(line, found, kDeath)) return {};
    RankDeath death{std::stoll(found[2]), found[1]};
    (found[3] == "exited with code" ? death.code : death.signal) = std::stoi(found[4]);
    return death;
  }

  bool is_chatter(std::string_view line) override { return death(line).has_value(); }  // a line for each rank that was ended, too
};

}  // namespace

std::unique_ptr<Launcher> make_pals() { return std::make_unique<Pals>(); }

}  // namespace llmrun
