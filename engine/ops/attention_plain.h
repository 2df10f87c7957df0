#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

// The three views of qkv as [batch, heads, seq, head_dim], and plain attention over them: the reference of every fused kernel.

struct HeadViews {
  at::Tensor query;  // [batch, heads, seq, head_dim]
  at::Tensor key;    // [batch, kv_heads, seq, head_dim]
  at::Tensor value;
};
/// Strided views: writing to them writes to qkv.
HeadViews head_views(const at::Tensor& qkv, const AttentionShape& shape);
/// [batch seq, heads head_dim] as [batch, heads, seq, head_dim], a view.
at::Tensor heads_view(const at::Tensor& out, const AttentionShape& shape);

/// Key or value heads repeated for each query head of their group, and the sum that is its gradient.
at::Tensor repeat_groups(const at::Tensor& kv, const AttentionShape& shape);
at::Tensor sum_groups(const at::Tensor& dkv, const AttentionShape& shape);

AttentionResult attention_forward_plain(const at::Tensor& qkv, const AttentionShape& shape);
at::Tensor attention_backward_plain(const at::Tensor& dout, const at::Tensor& qkv, const AttentionShape& shape);

}  // namespace llmrun
