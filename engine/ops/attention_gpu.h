#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

/// ATen's fused kernels on a GPU, by kind and dtype (see attention_forward). `kind` is flash or cudnn. They know no documents: with
/// AttentionMask::first each is a call of its own, which cudnn, with a plan for each length, is not for. Throws Error(Exit::config) for it.
AttentionResult attention_forward_gpu(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind);
void attention_backward_gpu(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                            AttentionKind kind, const AttentionHeads& gradients);

}  // namespace llmrun
