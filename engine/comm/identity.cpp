#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "engine/comm/rendezvous.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

/// What a launcher calls these four. An empty name: it does not say.
struct Names {
  const char* launcher;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
};

constexpr Names kLocal{"llmrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names kTorchrun{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names kLaunchers[]{
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PALS", "PALS_RANKID", "PMI_SIZE", "PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE"},
    {"Hydra", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    // Only a job step has these: a batch script has SLURM_PROCID=0 too, and is not a rank.
    {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", ""},
    {"PMIx", "PMIX_RANK", "", "PMIX_LOCAL_RANK", ""},
};

std::optional<std::string_view> environment(const char* name) {
  const char* value = *name ? std::getenv(name) : nullptr;
  return value && *value ? std::optional<std::string_view>(value) : std::nullopt;
}

int number(const Names& names, const char* name, std::string_view text) {
  int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || value < 0) {
    throw Error(Exit::preflight, "{} '{}' from {} is not a number of ranks", name, text, names.launcher);
  }
  return value;
}

/// "2(x3),1": the tasks on each node of the step; this node's.
std::optional<int> slurm_tasks_here() {
  const auto counts = environment("SLURM_STEP_TASKS_PER_NODE");
  const auto node = environment("SLURM_NODEID");
  if (!counts || !node) return std::nullopt;
  const Names& slurm = kLaunchers[3];
  int nodes_left = number(slurm, "SLURM_NODEID", *node);
  for (std::string_view rest = *counts; !rest.empty();) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    const size_t times = entry.find("(x");
    const int tasks = number(slurm, "SLURM_STEP_TASKS_PER_NODE", entry.substr(0, times));
    const int nodes =
        times == std::string_view::npos ? 1 : number(slurm, "SLURM_STEP_TASKS_PER_NODE", entry.substr(times + 2, entry.size() - times - 3));
    if (nodes_left < nodes) return tasks;
    nodes_left -= nodes;
  }
  return std::nullopt;
}

std::optional<Identity> identity_by(const Names& names) {
  const auto rank = environment(names.rank);
  if (!rank) return std::nullopt;
  const auto read = [&](const char* name, int otherwise) {
    const auto text = environment(name);
    return text ? number(names, name, *text) : otherwise;
  };
  Identity identity{.rank = number(names, names.rank, *rank), .size = read(names.size, 0)};
  identity.local_rank = read(names.local_rank, 0);
  identity.local_size = read(names.local_size, slurm_tasks_here().value_or(1));
  if (identity.size > 0 && identity.rank >= identity.size) {
    throw Error(Exit::preflight, "{} '{}' from {} is not below {} '{}'", names.rank, identity.rank, names.launcher, names.size,
                identity.size);
  }
  return identity;
}

}  // namespace

Identity identity_from_environment() {
  if (environment("LLMRUN_LAUNCHER") == "local") {
    if (const auto identity = identity_by(kLocal)) return *identity;
  }
  for (const Names& names : kLaunchers) {
    const bool batch_script = names.launcher == std::string_view("Slurm") && !environment(names.size);
    if (batch_script) continue;
    if (const auto identity = identity_by(names)) return *identity;
  }
  if (environment("TORCHELASTIC_RUN_ID")) {
    if (const auto identity = identity_by(kTorchrun)) return *identity;
  }
  return {};
}

}  // namespace llmrun
