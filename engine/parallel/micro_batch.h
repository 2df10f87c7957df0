#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llmrun {

/// The tokens of one micro-batch, as every stage sees them: each makes its own from the data, so that nothing but activations travels.
/// T = batch * seq.
struct MicroBatch {
  int64_t batch = 0;       // sequences
  int64_t seq = 0;         // tokens of each
  at::Tensor ids;          // int64 [T]
  at::Tensor targets;      // int64 [T]: the next token of each
  at::Tensor positions;    // int64 [T]: within the sequence
  at::Tensor token_index;  // int64 [T]: position in the stream of all consumed tokens, which keys dropout
  int64_t tokens() const { return batch * seq; }
};

/// Samples are [batch, seq + 1] token ids (host memory); the first of them is sample `first_sample` of the run. The tensors land on
/// `device`.
MicroBatch make_micro_batch(const int64_t* samples, int64_t batch, int64_t seq, int64_t first_sample, at::Device device);

}  // namespace llmrun
