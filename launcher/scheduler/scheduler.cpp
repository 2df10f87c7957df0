#include "launcher/scheduler/scheduler.h"

#include "engine/core/error.h"

namespace llmrun {

std::string Scheduler::rehearse(const std::filesystem::path& script) {
  const std::string id = submit({.script = script, .held = true});
  cancel(id);
  return fmt::format("The server took the job, held, as {}; it was taken back.", id);
}

QueueLine Scheduler::waiting_in(const std::string&) { return {}; }

std::string_view Scheduler::cannot_hand_over(std::string_view) const { return {}; }

std::string_view Scheduler::cannot_be_waited_for(const std::string&) const { return {}; }

std::unique_ptr<Scheduler> make_scheduler(std::string_view name, Variables environment) {
  if (name == "pbs") return make_pbs(std::move(environment));
  if (name == "slurm") return make_slurm(environment);
  if (name == "local")
    throw Error(Exit::config, "this machine has no scheduler to queue a job with").hint("llmrun train, or --set machine=polaris");
  throw Error(Exit::config, "machine.scheduler '{}' is not built yet", name).hint("llmrun render launch");
}

}  // namespace llmrun
