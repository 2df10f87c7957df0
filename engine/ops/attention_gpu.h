#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

/// ATen's fused kernels on a GPU, by kind and dtype (see attention_forward). `kind` is flash or cudnn. Throws Error(Exit::config) where
/// AttentionMask::first is given: these kernels know no documents.
AttentionResult attention_forward_gpu(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind);
void attention_backward_gpu(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                            AttentionKind kind, const AttentionHeads& gradients);

}  // namespace llmrun
