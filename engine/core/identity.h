#pragma once
#include <cstdint>
#include <span>

namespace llmrun {

/// Who this process is among those of the launch.
struct Identity {
  int rank = 0;
  int size = 1;        // 0: the launcher does not say
  int local_rank = 0;  // among the ranks of this node
  int local_size = 1;  // 0: the launcher says neither
};

/// What the launcher's environment says of this process: the names of the dialect in LLMRUN_LAUNCHER, which llmrun sets for its ranks; for
/// ranks that were started by hand those of Open MPI, PALS, Hydra, PRRTE, a Slurm job step, PMI, PMIx or torchrun, the first that fits;
/// else a single rank. What the user's shell had in RANK or WORLD_SIZE is not believed unless LLMRUN_LAUNCHER=local (llmrun itself started
/// the ranks and gave them torchrun's names) or TORCHELASTIC_RUN_ID is set. `size` is 0 under PALS, whose PMI_SIZE may be missing or count
/// a node, and under PMIx. A rank or size that is not a number, or does not fit the other: Error(Exit::preflight).
Identity identity_from_environment();

/// The same with what the launcher does not say taken from the plan: `ranks_of_hosts`, filled one after the other by rank. Throws
/// Error(Exit::preflight) where the rank is not below their sum.
Identity completed(Identity identity, std::span<const int64_t> ranks_of_hosts);

}  // namespace llmrun
