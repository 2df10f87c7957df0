#include <unistd.h>

#include "launcher/launch/launcher.h"
#include "launcher/launch/openmpi_chatter.h"
#include "launcher/launch/openmpi_deaths.h"

namespace llmrun {
namespace {

/// mpirun and prterun: the same words but for who may run as root. Only options that Open MPI 4 and PRRTE 3 both take without a warning
/// (`--oversubscribe`, `-npernode` and their like are deprecated in 5).
class OpenMpi : public Launcher {
 public:
  /// `root`: what the variables that let root start ranks begin with; `parameter`: the option that sets one of the launcher's own.
  OpenMpi(std::string_view name, std::string program, std::string root, std::string parameter)
      : name_(name), program_(std::move(program)), root_(std::move(root)), parameter_(std::move(parameter)) {}

  std::string_view name() const override { return name_; }

  std::vector<std::string> argv(const LaunchRequest& request) const override {
    std::vector<std::string> words{program_};
    const auto add = [&](auto... more) { (words.emplace_back(more), ...); };
    if (!request.hostfile.empty()) add("--hostfile", request.hostfile);
    add("-n", std::to_string(request.ranks));
    add("--map-by", mapping(request));
    // A host that falls silent is noticed in 5 + 3 x 3 s, as ranks notice it: by default in eight minutes.
    if (request.nodes > 1)
      for (const auto& [name, value] : {std::pair{"time", "5"}, {"intvl", "3"}, {"probes", "3"}})
        add(parameter_, std::string("oob_tcp_keepalive_") + name, value);
    if (request.has_domains && !request.hostfile.empty()) add(parameter_, "orte_keep_fqdn_hostnames", "1");  // 4 cuts them at the first dot
    add("--bind-to", "none");  // threads of a rank spread over the cores; binding to one core would stack them
    if (!request.hostfile.empty() && is_crowded(request)) add("--mca", "mpi_yield_when_idle", "1");
    for (const std::string& variable : request.forwarded) add("-x", variable);
    words.insert(words.end(), request.options.begin(), request.options.end());
    words.insert(words.end(), request.command.begin(), request.command.end());
    return words;
  }

  std::vector<std::pair<std::string, std::string>> environment() const override {
    if (::geteuid() != 0) return {};
    return {{root_ + "_ALLOW_RUN_AS_ROOT", "1"}, {root_ + "_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}};
  }

  std::string hostfile_text(const std::vector<PlanHost>& hosts) const override { return slots_hostfile(hosts); }
  bool is_chatter(std::string_view line) override { return chatter_.take(line); }
  std::optional<RankDeath> death(std::string_view line) override { return deaths_.take(line); }
  int stop_signal() const override { return SIGUSR1; }  // it hands that on, and lives

 private:
  static bool is_crowded(const LaunchRequest& request) { return request.ranks_per_node > request.cores_per_node; }

  /// Consecutive ranks share a node. Without a hostfile a slot is a core, hardware threads do not count, and a rank may want neither.
  static std::string mapping(const LaunchRequest& request) {
    if (request.hostfile.empty()) return "slot:OVERSUBSCRIBE";
    const std::string map = request.even ? fmt::format("ppr:{}:node", request.ranks_per_node) : "slot";
    return is_crowded(request) ? map + ":OVERSUBSCRIBE" : map;
  }

  std::string_view name_;
  std::string program_, root_, parameter_;
  OpenMpiChatter chatter_;
  OpenMpiDeaths deaths_;
};

}  // namespace

std::unique_ptr<Launcher> make_openmpi() { return std::make_unique<OpenMpi>("openmpi", "mpirun", "OMPI", "--mca"); }
std::unique_ptr<Launcher> make_prrte() { return std::make_unique<OpenMpi>("prrte", "prterun", "PRTE", "--prtemca"); }

}  // namespace llmrun
