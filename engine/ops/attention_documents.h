#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

// Document masks with kernels that know none. Queries whose documents begin at the same key see keys without a hole, so that a kernel
// serves them by themselves: a call for each document of a sample, and no score that is not wanted.

/// What serves a mask without documents: attention_forward, and what it chooses among.
using AttentionForward = AttentionResult(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind);
using AttentionBackward = void(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask,
                               const AttentionResult& forward, AttentionKind kind, const AttentionHeads& gradients);

/// As attention_forward and attention_backward. REQUIRES mask.first; in a causal mask no document may begin before the first query that
/// sees it: every token is query and key.
AttentionResult attention_forward_by_document(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind,
                                              AttentionForward& dense);
void attention_backward_by_document(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask,
                                    const AttentionResult& forward, AttentionKind kind, const AttentionHeads& gradients,
                                    AttentionBackward& dense);

}  // namespace llmrun
