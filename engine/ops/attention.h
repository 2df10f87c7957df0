#pragma once
#include <ATen/core/Tensor.h>

#include "engine/core/spec/config.h"

namespace llmrun {

// Scaled dot-product self-attention with grouped queries: query head h reads key head h / (heads / kv_heads), and the scale is
// 1 / sqrt(head_dim). fp32 or bf16.

/// What attends, or its gradients. Views of [batch, tokens, heads, head_dim], of one tensor or of several: any strides, but the channels of
/// a token's heads lie side by side. Keys may be other tokens than the queries, and more or fewer.
struct AttentionHeads {
  at::Tensor query;  // [batch, queries, heads, head_dim]
  at::Tensor key;    // [batch, keys, kv_heads, head_dim]
  at::Tensor value;  // as key
};
/// The three views of one tensor [batch tokens, (heads + 2 kv_heads) head_dim]: rows by sample, then position; columns queries, keys,
/// values. Writing to them writes to `qkv`.
AttentionHeads split_heads(const at::Tensor& qkv, int64_t batch, int64_t heads, int64_t kv_heads);

/// Which keys a query sees: an interval that moves on with the query.
struct AttentionMask {
  bool causal = true;  // query i sees no key after key i; false: all of them. REQUIRES as many keys as queries
  at::Tensor first;    // int64 [batch, queries] in host memory, ascending in each sample: no key before this one. Undefined: from 0 on
};

/// What forward leaves for backward beside its input.
struct AttentionResult {
  at::Tensor out;   // [batch, queries, heads, head_dim], dense, dtype of the query; 0 where a query sees nothing
  at::Tensor lse;   // fp32, a number a head and query: log of the softmax's denominator; -inf where a query sees nothing.
                    // [batch, heads, queries]; a GPU's kernels pad it as they like
  at::Tensor seed;  // state of the GPU kernels' dropout, which is off, handed through; undefined on a CPU
  at::Tensor offset;
};

/// The kernel that serves `kind` where the query lives. automatic is flash. On a CPU flash is our own tiled kernel (attention_cpu.cpp);
/// on a GPU FlashAttention 2 (Dao 2023) for bf16 and fp16, and ATen's memory-efficient kernel for fp32. plain keeps all scores of a
/// micro-batch at once: [batch, heads, queries, keys]. cudnn exists on a GPU only. Throws Error(Exit::config) where a kind cannot serve.
AttentionResult attention_forward(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind);

/// dout: [batch, queries, heads, head_dim]. Writes the gradients of every element into `gradients`, views of the shapes of `heads`.
/// `forward` may be that of a softmax over more keys than these (Liu et al. 2023, ring attention): then the gradients are this part's. On a
/// CPU the order of every sum is fixed.
void attention_backward(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                        AttentionKind kind, const AttentionHeads& gradients);

}  // namespace llmrun
