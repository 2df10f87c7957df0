#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

/// The fused kernel of a CPU: causal tiles with a running softmax (Milakov and Gimelshein 2018; Dao et al. 2022), a thread a head.
/// Scores exist for one tile at a time. Arithmetic and accumulation in fp32 whatever the dtype.
AttentionResult attention_forward_cpu(const at::Tensor& qkv, const AttentionShape& shape);
at::Tensor attention_backward_cpu(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward,
                                  const AttentionShape& shape);

}  // namespace llmrun
