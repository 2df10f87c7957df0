#include "launcher/launch/launcher.h"

namespace llmrun {

std::unique_ptr<Launcher> make_launcher(std::string_view name) {
  if (name == "openmpi") return make_openmpi();
  if (name == "pals") return make_pals();
  if (name == "local") return make_local();
  throw Error(Exit::config, "machine.launcher '{}' is not built yet", name).hint("--set machine.launcher=openmpi");
}

}  // namespace llmrun
