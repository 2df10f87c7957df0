#pragma once
#include <memory>
#include <vector>

#include "engine/comm/communicator.h"

namespace llmrun {

/// N ranks in one process, each to be used by a thread of its own: for unit tests, debuggers, and two ranks that share one GPU (tensors
/// that are not on the CPU pass through host memory). World rank i is element i.
std::vector<std::shared_ptr<Communicator>> make_thread_world(int ranks);

}  // namespace llmrun
