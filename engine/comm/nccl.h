#pragma once
#include <memory>

#include "engine/comm/communicator.h"
#include "engine/comm/rendezvous.h"

namespace llmrun {

/// Makes the GPU of this rank, by its place on the node, the process's current one. Throws Error(Exit::preflight) when the module
/// llmrun_cuda or the GPU is not there.
void use_local_gpu(const Identity& identity);

/// Ranks with one GPU each; calls use_local_gpu. Collective over the ranks of the rendezvous. Throws as that does.
std::shared_ptr<Communicator> make_nccl_world(Rendezvous& rendezvous);

}  // namespace llmrun
