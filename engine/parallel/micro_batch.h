#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "engine/core/layout.h"

namespace llmrun {

/// Samples as the data holds them, whole, in host memory.
struct Samples {
  int64_t batch = 0;
  int64_t seq = 0;                     // tokens of each
  int64_t first = 0;                   // number of the first one in the run
  const int64_t* tokens = nullptr;     // [batch, seq + 1]
  const int64_t* documents = nullptr;  // [batch, seq + 1]: where in the sample each token's document begins; null: one document a sample
};

/// The tokens of one micro-batch, as every stage sees them: each makes its own from the data, so that nothing but activations travels.
/// T = batch * seq. Of a sequence that several ranks share (core/sequence_slice.h) these are this rank's tokens.
struct MicroBatch {
  int64_t batch = 0;       // sequences
  int64_t seq = 0;         // tokens of each, on this rank
  at::Tensor ids;          // int64 [T]
  at::Tensor targets;      // int64 [T]: the next token of each; -1 where that is another document's
  at::Tensor positions;    // int64 [T]: within the whole sequence, or within the document
  at::Tensor token_index;  // int64 [T]: position in the stream of all consumed tokens, which keys dropout
  at::Tensor documents;    // int64 [batch, tokens of the context rank], host memory: where in the whole sequence each token's document
                           // begins, for attention; undefined: at 0
  int64_t tokens() const { return batch * seq; }
};

/// The part of the samples that a rank works on. The tensors land on `device`.
MicroBatch make_micro_batch(const Samples& samples, const Layout& layout, const Coordinates& where, at::Device device);

}  // namespace llmrun
