#pragma once
#include <filesystem>
#include <optional>

#include "launcher/process/variables.h"
#include "launcher/site/hostfile.h"

namespace llmrun {

/// The hosts that a run may use, and who said so.
struct Allocation {
  std::vector<Host> hosts;
  std::string source;    // "--hostfile", "PBS_NODEFILE", "COBALT_NODEFILE", "SLURM_JOB_NODELIST" or "this machine"
  std::string hostfile;  // the file that named them; empty where none did
  std::vector<std::string> notes;

  bool this_machine_only() const { return source == "this machine"; }
  bool is_of_job() const { return !this_machine_only() && source != "--hostfile"; }
};

/// --hostfile where it is given, else the batch system's list, else this machine (`here`, its host name).
/// Throws Error(Exit::preflight) where a list cannot be read or holds nonsense.
Allocation find_allocation(const std::optional<std::filesystem::path>& hostfile, const Variables& environment, const std::string& here);

/// Id of the batch job that this process is in, as its scheduler tells it: of an element of an array "94[1].server" in PBS, "10_2" in
/// Slurm. Empty outside of one.
std::string batch_job_id(const Variables& environment);

/// This machine's name up to the first dot: in log names and for machine profiles.
std::string short_host_name();

}  // namespace llmrun
