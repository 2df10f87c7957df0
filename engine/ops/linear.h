#pragma once
#include <ATen/core/Tensor.h>

namespace llmrun {

// A dense layer, y = x w^T + b, and its two gradients apart, so that a schedule may run the weight's later (zero bubble) and hide
// communication under it. Compute dtype (fp32 or bf16) in and out; weight gradients are summed in fp32.

/// x: [tokens, in], w: [out, in], b: [out] or undefined. Returns [tokens, out].
at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b);

/// dy: [tokens, out]. Returns dx = dy w: [tokens, in].
at::Tensor linear_backward_input(const at::Tensor& dy, const at::Tensor& w);

/// grad_w (fp32 [out, in]) becomes dy^T x, or grows by it when `accumulate`; grad_b (fp32 [out], or undefined) likewise by the column
/// sums of dy. The first micro-batch of a step overwrites, so gradients need no zeroing. Bit-equal for any number of threads for grad_b.
void linear_backward_weight(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& grad_w, const at::Tensor& grad_b, bool accumulate);

}  // namespace llmrun
