#pragma once
#include <memory>

#include "engine/comm/communicator.h"

namespace llmrun {

/// A world of which one rank is there, as if the others were: every call is checked and counted, done at once, and leaves its tensors as
/// they are. For what a rank of any world would say, in a process by itself. A world of 100,000 ranks costs no more than one of two.
std::shared_ptr<Communicator> make_counting_world(int rank, int ranks);

}  // namespace llmrun
