#pragma once
#include <string_view>

namespace llmrun {

/// Which of the `gpus` it sees the `local_rank`-th rank of a node computes on. affinity as in machine.node.affinity: "reversed" gives the
/// last GPU to the first rank; anything else is linear. More ranks than GPUs go round: threads of one process may share a GPU, and a
/// launcher that binds shows each rank one GPU, its own. REQUIRES gpus > 0.
int gpu_of(int local_rank, int gpus, std::string_view affinity);

}  // namespace llmrun
