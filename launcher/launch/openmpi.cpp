#include <unistd.h>

#include <regex>

#include "launcher/launch/launcher.h"
#include "launcher/launch/openmpi_chatter.h"

namespace llmrun {
namespace {

/// mpirun of Open MPI 4, and of 5 where it is PRRTE's prterun under another name.
class OpenMpi : public Launcher {
 public:
  std::string_view name() const override { return "openmpi"; }

  std::vector<std::string> argv(const LaunchRequest& request) const override {
    std::vector<std::string> words{"mpirun"};
    const auto add = [&](auto... more) { (words.emplace_back(more), ...); };
    if (!request.hostfile.empty()) add("--hostfile", request.hostfile);
    add("-n", std::to_string(request.ranks));
    const bool crowded = request.ranks_per_node > request.cores_per_node;
    if (request.hostfile.empty()) {
      add("--oversubscribe");  // without a hostfile a slot is a core, and hardware threads do not count
    } else {
      const std::string map = request.even ? fmt::format("ppr:{}:node", request.ranks_per_node) : "slot";
      add("--map-by", crowded ? map + ":OVERSUBSCRIBE" : map);
    }
    add("--bind-to", "none");  // threads of a rank spread over the cores; binding to one core would stack them
    if (crowded) add("--mca", "mpi_yield_when_idle", "1");
    for (const std::string& variable : request.forwarded) add("-x", variable);
    words.insert(words.end(), request.command.begin(), request.command.end());
    return words;
  }

  std::vector<std::pair<std::string, std::string>> environment() const override {
    if (::geteuid() != 0) return {};
    return {{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}};
  }

  bool is_chatter(std::string_view line) override { return chatter_.take(line); }
  int stop_signal() const override { return SIGUSR1; }  // it hands that on, and lives

  std::string hostfile_text(const std::vector<PlanHost>& hosts) const override {
    std::string text;
    for (const PlanHost& host : hosts) text += fmt::format("{} slots={}\n", host.name, host.slots);
    return text;
  }

  /// Reports come in two parts, on one line or on two: which process, and how it ended.
  ///   mpirun noticed that process rank 1 with PID 7 on node n1 exited on signal 9 (Killed).
  ///     Process name: [[23716,1],1]          or, from PRRTE, [prterun-n1-4711@1,1]
  ///     Exit code:    3
  ///   MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD
  ///   with errorcode 5.
  std::optional<RankDeath> death(std::string_view view) override {
    if (!speaks_of_an_end(view)) return {};  // regular expressions are slow, and training writes many lines
    static const std::regex kWho(R"(process rank (\d+) with PID \d+ on node (\S+)|Process name: \[(?:\[\d+,\d+\]|[^\]]*@\d+),(\d+)\])"
                                 R"(|MPI_ABORT was invoked on rank (\d+))");
    static const std::regex kHow(R"((signal|Exit code:|with errorcode)\s+(\d+))");
    const std::string line(view);
    std::smatch found;
    if (std::regex_search(line, found, kWho)) {
      const int group = found[1].matched ? 1 : found[3].matched ? 3 : 4;
      pending_ = RankDeath{std::stoll(found[group]), found[2]};
    }
    if (!pending_ || !std::regex_search(line, found, kHow)) return {};
    (found[1] == "signal" ? pending_->signal : pending_->code) = std::stoi(found[2]);
    return std::exchange(pending_, std::nullopt);
  }

 private:
  bool speaks_of_an_end(std::string_view line) const {
    if (line.size() > 400) return false;
    for (const std::string_view start : {"noticed that process rank", "Process name: [", "MPI_ABORT was invoked"})
      if (line.find(start) != std::string_view::npos) return true;
    return pending_.has_value();
  }

  OpenMpiChatter chatter_;
  std::optional<RankDeath> pending_;  // the first part of a report
};

}  // namespace

std::unique_ptr<Launcher> make_openmpi() { return std::make_unique<OpenMpi>(); }

}  // namespace llmrun
