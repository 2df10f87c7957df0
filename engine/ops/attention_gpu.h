#pragma once
#include "engine/ops/attention.h"

namespace llmrun {

/// ATen's fused kernels on a GPU, by kind and dtype (see attention_forward). `kind` is flash or cudnn.
AttentionResult attention_forward_gpu(const at::Tensor& qkv, const AttentionShape& shape, AttentionKind kind);
at::Tensor attention_backward_gpu(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward,
                                  const AttentionShape& shape, AttentionKind kind);

}  // namespace llmrun
