#pragma once
#include <memory>

#include "engine/comm/communicator.h"
#include "engine/comm/rendezvous.h"

namespace llmrun {

/// Ranks with one GPU each, the calling thread's current one. Collective over the ranks of the rendezvous, of which there are two or
/// more. Throws Error(Exit::preflight) where the module llmrun_cuda is not there, or the node has more ranks than GPUs.
std::shared_ptr<Communicator> make_nccl_world(Rendezvous& rendezvous);

}  // namespace llmrun
