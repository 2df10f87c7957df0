#pragma once
#include <ATen/core/Tensor.h>

#include "engine/core/spec/config.h"

namespace llmrun {

// Causal self-attention, scaled dot product, with grouped queries: query head h uses key head h / (heads / kv_heads).
// qkv: [batch seq, (heads + 2 kv_heads) head_dim], rows by sample then position, columns queries, keys, values. fp32 or bf16.

struct AttentionShape {
  int64_t batch = 0;
  int64_t seq = 0;
  int64_t heads = 0;     // held by this rank; a multiple of kv_heads
  int64_t kv_heads = 0;  // held by this rank
  int64_t head_dim = 0;
  double scale = 0;  // 1 / sqrt(head_dim)
};

/// What forward leaves for backward beside its input. Memory: out, and 4 bytes a head and token for the fused kinds.
struct AttentionResult {
  at::Tensor out;   // [batch seq, heads head_dim], dtype of qkv
  at::Tensor lse;   // fp32, a number a head and token: log of the softmax's denominator; undefined for plain, which computes it again.
                    // [batch, heads, seq] on a CPU and from flash; a GPU's other kernels pad it as they like
  at::Tensor seed;  // state of the GPU kernels' dropout, which is off, handed through; undefined on a CPU
  at::Tensor offset;
};

/// The kernel that serves `kind` where qkv lives. automatic is flash. On a CPU flash is our own tiled kernel (attention_cpu.cpp);
/// on a GPU FlashAttention 2 (Dao 2023) for bf16 and fp16, and ATen's memory-efficient kernel for fp32. plain keeps all scores of a
/// micro-batch at once: [batch, heads, seq, seq]. cudnn exists on a GPU only. Throws Error(Exit::config) where a kind cannot serve.
AttentionResult attention_forward(const at::Tensor& qkv, const AttentionShape& shape, AttentionKind kind);

/// dout: [batch seq, heads head_dim]. Returns dqkv in the shape of qkv. On a CPU the order of every sum is fixed.
at::Tensor attention_backward(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward, const AttentionShape& shape,
                              AttentionKind kind);

}  // namespace llmrun
