#include "launcher/launch/launcher.h"

namespace llmrun {
namespace {

/// Ranks of this machine without any MPI: llmrun starts them itself and tells each one who it is (local_identity()).
class Local : public Launcher {
 public:
  std::string_view name() const override { return "local"; }
  std::vector<std::string> argv(const LaunchRequest& request) const override { return request.command; }
  std::string hostfile_text(const std::vector<PlanHost>& hosts) const override { return slots_hostfile(hosts); }
  std::optional<RankDeath> death(std::string_view) override { return {}; }  // we reap the ranks ourselves
  bool spawns_itself() const override { return true; }
};

}  // namespace

std::unique_ptr<Launcher> make_local() { return std::make_unique<Local>(); }

}  // namespace llmrun
