#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

// Attention in ATen's own products: the reference of every fused kernel, and the views that the GPU's kernels take.

/// A view [batch, tokens, heads, head_dim] as [batch, heads, tokens, head_dim]: a view, for queries or what has their shape.
inline at::Tensor by_head(const at::Tensor& view) { return view.transpose(1, 2); }

/// Key or value heads as [batch, heads, keys, head_dim], repeated for each query head of their group; and the sum that is its gradient,
/// [batch, keys, kv_heads, head_dim].
at::Tensor repeat_groups(const at::Tensor& kv, int64_t heads);
at::Tensor sum_groups(const at::Tensor& dkv, int64_t kv_heads);

AttentionResult attention_forward_plain(const AttentionHeads& heads, const AttentionMask& mask);
void attention_backward_plain(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask,
                              const AttentionResult& forward, const AttentionHeads& gradients);

}  // namespace llmrun
