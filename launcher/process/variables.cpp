#include "launcher/process/variables.h"

#include <unistd.h>

#include <cstring>

namespace llmrun {

Variables Variables::of_this_process() {
  Variables environment;
  for (char** line = environ; *line != nullptr; ++line)
    if (const char* equals = std::strchr(*line, '=')) environment.set(std::string(*line, static_cast<size_t>(equals - *line)), equals + 1);
  return environment;
}

std::optional<std::string> Variables::get(std::string_view name) const {
  const auto found = variables_.find(std::string(name));
  if (found == variables_.end()) return {};
  return found->second;
}

std::vector<std::string> Variables::lines() const {
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables_) lines.push_back(name + "=" + value);
  return lines;
}

const std::vector<std::string>& stale_identity_names() {
  static const std::vector<std::string> names{
      // torchrun's, ours, and what a job script says of its own job
      "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT",
      "TORCHELASTIC_RUN_ID", "LLMRUN_LAUNCHER", "LLMRUN_ATTEMPT", "LLMRUN_ATTEMPT_ID", "LLMRUN_STOP_AT", "LLMRUN_STARTED_AT",
      // a shell that itself runs under a launcher: mpirun -n 1 bash, srun --pty bash
      "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_UNIVERSE_SIZE",
      "PMIX_RANK", "PMIX_LOCAL_RANK", "PMIX_LOCAL_SIZE", "PMIX_NAMESPACE", "PMIX_SERVER_URI2", "PMIX_SERVER_URI21", "PMIX_SERVER_URI3",
      "PMIX_SERVER_URI4", "PMIX_SERVER_URI41", "PRTE_LAUNCHED", "PMI_RANK", "PMI_SIZE", "PMI_LOCAL_RANK", "PMI_LOCAL_SIZE", "PMI_FD",
      "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "PALS_RANKID", "PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE", "PALS_NODEID", "SLURM_PROCID",
      "SLURM_LOCALID", "SLURM_NODEID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE"};
  return names;
}

void remove_stale_identity(Variables& environment) {
  for (const std::string& name : stale_identity_names()) environment.remove(name);
}

}  // namespace llmrun
