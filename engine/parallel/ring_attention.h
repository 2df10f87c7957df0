#pragma once
#include "engine/comm/communicator.h"
#include "engine/ops/attention.h"

namespace llmrun {

// Attention over a sequence that the ranks of the context axis hold in zigzag order (core/sequence_slice.h), for any number of ranks: with
// one it is attention_forward and attention_backward. Keys and values travel round the ring a rank a step, under the arithmetic of the
// block at hand; the parts of the softmax are merged by log-sum-exp (Liu et al. 2023). What reaches nobody is not computed: an earlier
// rank's second half, and a later rank's keys for the first half of the queries.
//
// Calls of one rank, counted as context: in forward size - 1 sends of keys and values in their dtype; in backward these again, and size
// sends of their gradients in fp32, which gather the part of each rank on the way home.

/// Heads of this rank's tokens. `documents` is MicroBatch::documents, or undefined. The result is of the whole sequence's softmax.
AttentionResult ring_attention_forward(Communicator& context, const AttentionHeads& heads, const at::Tensor& documents, AttentionKind kind);

/// Writes into `gradients`, which has the shapes of `heads`.
void ring_attention_backward(Communicator& context, const at::Tensor& dout, const AttentionHeads& heads, const at::Tensor& documents,
                             const AttentionResult& forward, AttentionKind kind, const AttentionHeads& gradients);

}  // namespace llmrun
