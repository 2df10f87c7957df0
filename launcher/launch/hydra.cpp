#include <algorithm>
#include <array>
#include <regex>

#include "launcher/launch/launcher.h"

namespace llmrun {
namespace {

/// MPICH's mpiexec.hydra, also under Intel MPI. It hands the whole environment on by itself. When a rank ends with a code it lets the
/// others run on; when a signal kills one it ends them, and names a process that need not be the one that died (MPICH 5.0 always names the
/// first of the host). So ranks run under `llmrun __rank`, which reports how each one ended.
class Hydra : public Launcher {
 public:
  std::string_view name() const override { return "hydra"; }

  std::vector<std::string> argv(const LaunchRequest& request) const override {
    std::vector<std::string> words{"mpiexec.hydra"};
    if (!request.hostfile.empty()) words.insert(words.end(), {"-f", request.hostfile});
    words.insert(words.end(), {"-n", std::to_string(request.ranks)});
    words.insert(words.end(), request.options.begin(), request.options.end());
    words.insert(words.end(), request.command.begin(), request.command.end());
    return words;
  }

  std::string hostfile_text(const std::vector<PlanHost>& hosts) const override {
    std::string text;
    for (const PlanHost& host : hosts) text += fmt::format("{}:{}\n", host.name, host.slots);
    return text;
  }

  bool names_dead_ranks() const override { return false; }

  /// =   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
  /// =   PID 25615 RUNNING AT n1                                   Intel MPI: RANK 1 PID 25615 RUNNING AT n1
  /// ...                                                           Intel MPI: KILLED BY SIGNAL: 9 (Killed)
  /// YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)
  std::optional<RankDeath> death(std::string_view view) override {
    if (view.size() > 400 || (view.find(" RUNNING AT ") == std::string_view::npos && !pending_)) return {};
    static const std::regex kWho(R"(^=\s+(?:RANK (\d+) )?PID \d+ RUNNING AT (\S+))");
    static const std::regex kSignal(R"(EXIT STRING: .*\(signal (\d+)\)|KILLED BY SIGNAL: (\d+))");
    const std::string line(view);
    std::smatch found;
    if (std::regex_search(line, found, kWho)) {
      pending_ = RankDeath{{}, found[2]};
      if (found[1].matched) pending_->rank = std::stoll(found[1]);
    } else if (pending_ && std::regex_search(line, found, kSignal)) {
      pending_->signal = std::stoi(found[found[1].matched ? 1 : 2]);
      return std::exchange(pending_, std::nullopt);
    }
    return {};
  }

  bool is_chatter(std::string_view line) override {
    if (line.starts_with("[mpiexec@")) return line.find("Ctrl-C") != std::string_view::npos;  // else it may say why nothing starts
    static constexpr std::array<std::string_view, 5> kOpenings{"=   ", "==========", "YOUR APPLICATION TERMINATED WITH THE EXIT STRING",
                                                               "This typically refers to a problem with your application",
                                                               "Please see the FAQ page for debugging suggestions"};
    return std::any_of(kOpenings.begin(), kOpenings.end(), [&](std::string_view opening) { return line.starts_with(opening); });
  }

 private:
  std::optional<RankDeath> pending_;  // the first part of a report
};

}  // namespace

std::unique_ptr<Launcher> make_hydra() { return std::make_unique<Hydra>(); }

}  // namespace llmrun
