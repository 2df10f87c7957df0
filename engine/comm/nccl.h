#pragma once
#include <memory>

#include "engine/comm/communicator.h"
#include "engine/comm/rendezvous.h"

namespace llmrun {

/// Ranks with one GPU each, by the module llmrun_cuda; sets the process's current device by its local rank. Collective over the
/// ranks of the rendezvous. Throws Error(Exit::preflight) when the module or a GPU is not there.
std::shared_ptr<Communicator> make_nccl_world(Rendezvous& rendezvous);

}  // namespace llmrun
