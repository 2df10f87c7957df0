#pragma once
#include <memory>
#include <string>

namespace llmrun {

/// Who this process is among those of the launch.
struct Identity {
  int rank = 0;
  int size = 1;
  int local_rank = 0;  // among the ranks of this node
  int local_size = 1;
};

/// "Who am I, who are the others": the identity, and a small store of strings that every rank sees. Used once, at the start, to wire
/// tcp and nccl and to hand round the plan. Values are short (an address, a NCCL id).
class Rendezvous {
 public:
  virtual ~Rendezvous() = default;
  virtual Identity identity() const = 0;
  virtual std::string name() const = 0;  // "pmix", "store": for the log
  virtual void put(const std::string& key, const std::string& value) = 0;
  /// Waits until some rank has put it. Throws Error(Exit::failed) with the key after `timeout_s`.
  virtual std::string get(const std::string& key, double timeout_s = 60) = 0;
};

/// What the launcher's environment says of this process: PMIX_*, OMPI_COMM_WORLD_*, PALS_*, PMI_*, SLURM_*, torchrun's names, in that
/// order, else a single rank. Whatever the user's shell had in RANK or WORLD_SIZE is not believed unless the launcher was torchrun-like
/// (LLMRUN_LAUNCHER=local, or TORCHELASTIC_RUN_ID is set).
Identity identity_from_environment();

/// PMIx where its server answers (the module llmrun_pmix is loaded for it; absent: not used), else a TCPStore on rank 0, on an
/// ephemeral port of a listening socket bound to one address, which the others learn from the file `meeting_file` (on the file system
/// that holds the run directory) that rank 0 writes by rename. A world of one needs neither and opens nothing.
std::unique_ptr<Rendezvous> make_rendezvous(const std::string& meeting_file);

}  // namespace llmrun
