#include "launcher/plan/backend.h"

namespace llmrun {
namespace {

std::string_view maker(std::string_view accelerator) { return accelerator == "xpu" ? "Intel" : "AMD"; }

}  // namespace

void check_backend(const PlanInput& input) {
  const std::string& accelerator = input.resolved.config.machine.node.accelerator;
  if (accelerator.empty() || accelerator == "cuda" || device_of(input) == Device::cpu) return;
  throw Error(Exit::preflight, "no backend for {} GPUs ({}): this version trains on NVIDIA GPUs and on CPUs", maker(accelerator),
              accelerator)
      .because(input.resolved.set_by("machine.node.accelerator"))
      .hint("--dry-run shows what would start; on the CPUs: --set machine.node.gpus=0");
}

}  // namespace llmrun
