#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llmrun {

/// Which elements a dropout keeps is a function, not a state: of Philox (engine/core/philox.h) at the element's place in the whole model.
/// So it is the same in every layout, after a restart, and in backward and recomputation, which simply ask again.
struct DropoutKey {
  uint64_t seed = 0;    // of the run
  uint64_t stream = 0;  // of the layer: stream_named("dropout.3.attention") or the like
  int64_t hidden = 0;   // channels of the whole model: element = token x hidden + channel
};

/// x: [tokens, channels], in place: 0 with probability p, else times 1 / (1 - p). Its own gradient: call it on dy with the same arguments.
/// token_index: int64 [tokens], the token's number in the run (samples consumed x seq_len + position). first_channel: channel of column 0.
/// REQUIRES 0 <= p < 1; p == 0 leaves x alone.
void dropout_(const at::Tensor& x, double p, const DropoutKey& key, const at::Tensor& token_index, int64_t first_channel = 0);

}  // namespace llmrun
