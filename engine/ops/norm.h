#pragma once
#include <ATen/core/Tensor.h>

namespace llmrun {

// LayerNorm (Ba et al. 2016) and RMSNorm (Zhang and Sennrich 2019) over the last dim of x: [tokens, hidden], fp32 or bf16. Statistics
// are fp32. w, b: [hidden], same dtype as x.

struct NormResult {
  at::Tensor y;     // [tokens, hidden], dtype of x
  at::Tensor mean;  // fp32 [tokens]; undefined for RMSNorm
  at::Tensor rstd;  // fp32 [tokens]: 1 / sqrt(variance + eps), for RMSNorm 1 / sqrt(mean of squares + eps)
};

NormResult layer_norm(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double eps);
NormResult rms_norm(const at::Tensor& x, const at::Tensor& w, double eps);

/// The residual add that precedes a norm, fused with it: one pass over memory instead of two.
struct AddNormResult {
  at::Tensor sum;  // residual + delta, rounded to the dtype of x; `norm` is the norm of this
  NormResult norm;
};
AddNormResult add_layer_norm(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps);
AddNormResult add_rms_norm(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& w, double eps);

/// Returns dx, plus `dresidual` where it is defined: the gradient that reaches x around the norm (the residual branch), [tokens, hidden].
/// `x` is what forward was given, `forward` its result (only mean and rstd are read: y need not be kept).
/// grad_w and grad_b (fp32 [hidden]) always grow: the caller zeroes them at the start of a step. The sum over tokens runs in an order
/// that does not depend on the number of threads.
at::Tensor layer_norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                               const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b);
at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                             const at::Tensor& dresidual, const at::Tensor& grad_w);

}  // namespace llmrun
