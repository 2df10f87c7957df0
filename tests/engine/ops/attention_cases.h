#pragma once
#include "engine/ops/attention.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {

struct AttentionCase {
  int64_t batch, seq, heads, kv_heads, head_dim;
  int64_t columns() const { return (heads + 2 * kv_heads) * head_dim; }
  AttentionHeads split(const at::Tensor& qkv) const { return split_heads(qkv, batch, heads, kv_heads); }
};

/// The gradient of all of qkv.
inline at::Tensor backward_of(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward, const AttentionCase& c,
                              AttentionKind kind, const AttentionMask& mask = {}) {
  at::Tensor dqkv = at::full_like(qkv, NAN);
  attention_backward(dout, c.split(qkv), mask, forward, kind, c.split(dqkv));
  return dqkv;
}

}  // namespace llmrun
