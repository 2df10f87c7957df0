#pragma once
#include "engine/parallel/sharded_state.h"

namespace llmrun {

/// Fills the master weights of this rank's shard as the tensors declare: zeros, ones, or a normal distribution that is a function of
/// (seed, tensor name, global element), so that every layout begins with the same model. The caller publishes.
void initialise(ShardedState& state, uint64_t seed);

}  // namespace llmrun
