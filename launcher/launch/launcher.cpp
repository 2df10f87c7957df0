#include "launcher/launch/launcher.h"

namespace llmrun {
namespace {

struct Dialect {
  std::string_view name;
  std::unique_ptr<Launcher> (*make)();
};

constexpr Dialect kDialects[] = {{"openmpi", make_openmpi}, {"prrte", make_prrte}, {"pals", make_pals},
                                 {"hydra", make_hydra},     {"srun", make_srun},   {"local", make_local}};

}  // namespace

std::unique_ptr<Launcher> make_launcher(std::string_view name) {
  for (const Dialect& dialect : kDialects)
    if (dialect.name == name) return dialect.make();
  throw Error(Exit::config, "machine.launcher '{}' is not known", name).hint("--set machine.launcher=openmpi");
}

std::string slots_hostfile(const std::vector<PlanHost>& hosts) {
  std::string text;
  for (const PlanHost& host : hosts) text += fmt::format("{} slots={}\n", host.name, host.slots);
  return text;
}

}  // namespace llmrun
