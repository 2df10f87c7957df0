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

std::function<bool(std::string_view)> chatter_of_any_launcher() {
  std::vector<std::shared_ptr<Launcher>> launchers;
  for (const Dialect& dialect : kDialects) launchers.push_back(dialect.make());
  return [launchers](std::string_view line) {
    bool chatter = false;
    for (const auto& launcher : launchers) chatter = launcher->is_chatter(line) || chatter;  // each keeps its place in the text
    return chatter;
  };
}

std::string slots_hostfile(const std::vector<PlanHost>& hosts) {
  std::string text;
  for (const PlanHost& host : hosts) text += fmt::format("{} slots={}\n", host.name, host.slots);
  return text;
}

}  // namespace llmrun
