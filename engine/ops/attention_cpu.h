#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

/// The fused kernel of a CPU: tiles with a running softmax (Milakov and Gimelshein 2018; Dao et al. 2022), a thread a head.
/// Scores exist for one tile at a time. Arithmetic and accumulation in fp32 whatever the dtype.
AttentionResult attention_forward_cpu(const AttentionHeads& heads, const AttentionMask& mask);
void attention_backward_cpu(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                            const AttentionHeads& gradients);

}  // namespace llmrun
