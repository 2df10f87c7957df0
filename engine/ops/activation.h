#pragma once
#include <ATen/core/Tensor.h>

namespace llmrun {

// The nonlinearities of the feed-forward part. fp32 or bf16; arithmetic in fp32.

/// GELU in its tanh form (Hendrycks and Gimpel 2016; GPT-2's gelu_new). h: any shape; returns the same shape.
at::Tensor gelu_tanh(const at::Tensor& h);
at::Tensor gelu_tanh_backward(const at::Tensor& dy, const at::Tensor& h);

/// SwiGLU (Shazeer 2020): silu(gate) * up. gate_up: [tokens, 2 ffn], gate in the first half of the columns. Returns [tokens, ffn].
at::Tensor swiglu(const at::Tensor& gate_up);
/// dy: [tokens, ffn]. Returns [tokens, 2 ffn].
at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up);

}  // namespace llmrun
