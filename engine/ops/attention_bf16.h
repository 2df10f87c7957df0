#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

/// The fused CPU kernel with its products in bf16 (see bf16_product.h), sums, softmax and lse in fp32. Probabilities and their gradients
/// are rounded to bf16 between two products, as FlashAttention does on a GPU. REQUIRES bf16 tensors, even head_dim, multiplies_bf16().
AttentionResult attention_forward_bf16(const AttentionHeads& heads, const AttentionMask& mask);
void attention_backward_bf16(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                             const AttentionHeads& gradients);

}  // namespace llmrun
