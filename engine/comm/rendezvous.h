#pragma once
#include <memory>
#include <string>

namespace llmrun {

/// Who this process is among those of the launch.
struct Identity {
  int rank = 0;
  int size = 1;        // 0: the launcher does not say
  int local_rank = 0;  // among the ranks of this node
  int local_size = 1;
};

/// "Who am I, who are the others": the identity, and a small store of strings that every rank sees. Used once, at the start, to wire
/// tcp and nccl and to hand round the plan. Values are short (an address, a NCCL id; the plan grows with the hosts). A key that ends in
/// "/N" is put by rank N, every other key by rank 0: PMIx must know whom to ask.
class Rendezvous {
 public:
  virtual ~Rendezvous() = default;
  virtual Identity identity() const = 0;
  virtual std::string name() const = 0;  // "pmix", "store": for the log
  virtual void put(const std::string& key, const std::string& value) = 0;
  /// Waits until it has been put. Throws Error(Exit::failed) with the key after `timeout_s`.
  virtual std::string get(const std::string& key, double timeout_s = 60) = 0;
};

/// What the launcher's environment says of this process: LLMRUN_LAUNCHER=local (llmrun itself started the ranks and gave them torchrun's
/// names), OMPI_COMM_WORLD_*, PALS_*, PMI_*, SLURM_* of a job step, PMIX_RANK, torchrun's names, in that order, else a single rank.
/// Whatever the user's shell had in RANK or WORLD_SIZE is not believed unless LLMRUN_LAUNCHER=local or TORCHELASTIC_RUN_ID is set.
/// `size` is 0 where the launcher says a rank but not how many there are (PALS and PRRTE with PMIx). A rank or size that is not a number,
/// or does not fit the other: Error(Exit::preflight).
Identity identity_from_environment();

/// Through the launcher's PMIx server. Null where none answers, or the module llmrun_pmix or its library is not there. Several may live in
/// one process; they see the same store.
std::unique_ptr<Rendezvous> make_pmix_rendezvous();

/// PMIx where its server answers (the module llmrun_pmix is loaded for it; absent: not used), else a TCPStore on rank 0, on an
/// ephemeral port of a listening socket bound to one address, which the others learn from the file `meeting_file` (on the file system
/// that holds the run directory; its name gets $LLMRUN_ATTEMPT_ID appended) that rank 0 writes by rename and removes at the end. A file
/// that a dead attempt left behind is not believed: nobody answers there, or not with the nonce that stands in it. (Who accepts there and
/// then says nothing would hold a rank up; with an attempt of its own in the file's name there is no such file.)
/// `plan_ranks` is the size where the launcher does not say it. LLMRUN_RENDEZVOUS=store goes past PMIx.
/// The store goes with the object: keep rank 0's until every rank has what it wants. A world of one needs none and opens nothing.
std::unique_ptr<Rendezvous> make_rendezvous(const std::string& meeting_file, int plan_ranks);

}  // namespace llmrun
