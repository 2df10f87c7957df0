#include "engine/core/identity.h"

#include <charconv>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <string_view>

#include "engine/core/error.h"

namespace llmrun {
namespace {

/// What a launcher calls these four. An empty name: it does not say.
struct Names {
  const char* dialect;   // as LLMRUN_LAUNCHER has it; empty: no dialect of ours
  const char* launcher;  // in messages
  const char* sign;      // only this launcher sets it: others that run inside it may leave the rest to be inherited
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
};

constexpr Names kLaunchers[]{
    {"openmpi", "Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"pals", "PALS", "PALS_RANKID", "PALS_RANKID", "", "PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE"},
    // Inside a Slurm job the daemons of Hydra and PRRTE are a job step themselves, and ranks inherit its names.
    {"hydra", "Hydra", "MPI_LOCALRANKID", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"prrte", "PRRTE", "PRTE_LAUNCHED", "PMIX_RANK", "", "PMIX_LOCAL_RANK", "PMIX_LOCAL_SIZE"},
    // Only a job step has its size: a batch script has SLURM_PROCID=0 too, and is not a rank.
    {"srun", "Slurm", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", ""},
    {"", "PMI", "PMI_RANK", "PMI_RANK", "PMI_SIZE", "PMI_LOCAL_RANK", "PMI_LOCAL_SIZE"},
    {"", "PMIx", "PMIX_RANK", "PMIX_RANK", "", "PMIX_LOCAL_RANK", "PMIX_LOCAL_SIZE"},
    {"local", "torchrun", "TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
};

std::optional<std::string_view> environment(const char* name) {
  const char* value = *name ? std::getenv(name) : nullptr;
  return value && *value ? std::optional<std::string_view>(value) : std::nullopt;
}

int number(const char* launcher, const char* name, std::string_view text) {
  int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || value < 0)
    throw Error(Exit::preflight, "{} '{}' from {} is not a number of ranks", name, text, launcher);
  return value;
}

/// "2(x3),1": the tasks on each node of the step; this node's.
std::optional<int> slurm_tasks_here() {
  constexpr const char* kSlurm = "Slurm";
  const auto counts = environment("SLURM_STEP_TASKS_PER_NODE");
  const auto node = environment("SLURM_NODEID");
  if (!counts || !node) return std::nullopt;
  int nodes_left = number(kSlurm, "SLURM_NODEID", *node);
  for (std::string_view rest = *counts; !rest.empty();) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    const size_t times = entry.find("(x");
    const int tasks = number(kSlurm, "SLURM_STEP_TASKS_PER_NODE", entry.substr(0, times));
    const int nodes = times == std::string_view::npos
                          ? 1
                          : number(kSlurm, "SLURM_STEP_TASKS_PER_NODE", entry.substr(times + 2, entry.size() - times - 3));
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
    return text ? number(names.launcher, name, *text) : otherwise;
  };
  Identity identity{.rank = number(names.launcher, names.rank, *rank), .size = read(names.size, 0), .local_size = 0};
  if (environment(names.local_rank)) {
    identity.local_rank = read(names.local_rank, 0);
    const bool slurm = names.dialect == std::string_view("srun");
    identity.local_size = read(names.local_size, slurm ? slurm_tasks_here().value_or(1) : 1);
  }
  if (identity.size > 0 && identity.rank >= identity.size) {
    throw Error(Exit::preflight, "{} '{}' from {} is not below {} '{}'", names.rank, identity.rank, names.launcher, names.size,
                identity.size);
  }
  return identity;
}

}  // namespace

Identity identity_from_environment() {
  const std::string_view dialect = environment("LLMRUN_LAUNCHER").value_or("");
  for (const Names& names : kLaunchers) {
    if (dialect.empty() || dialect != names.dialect) continue;
    if (const auto identity = identity_by(names)) return *identity;
  }
  for (const Names& names : kLaunchers) {
    if (!environment(names.sign)) continue;
    if (const auto identity = identity_by(names)) return *identity;
  }
  return {};
}

Identity completed(Identity identity, std::span<const int64_t> ranks_of_hosts) {
  const int64_t ranks = std::accumulate(ranks_of_hosts.begin(), ranks_of_hosts.end(), int64_t{0});
  if (identity.size == 0) identity.size = static_cast<int>(ranks);
  if (identity.rank >= ranks) throw Error(Exit::preflight, "rank {} of a plan of {} ranks", identity.rank, ranks);
  if (identity.local_size > 0) return identity;
  int64_t before = 0;
  for (const int64_t here : ranks_of_hosts) {
    if (identity.rank < before + here) {
      identity.local_rank = static_cast<int>(identity.rank - before);
      identity.local_size = static_cast<int>(here);
      break;
    }
    before += here;
  }
  return identity;
}

}  // namespace llmrun
