#include <ATen/TensorOperators.h>
#include <ATen/ops/_fused_rms_norm.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>

#include "engine/ops/aten.h"

namespace llmrun::aten {
namespace {

/// ATen's statistics are [tokens, 1], and on a CPU of the dtype of x.
at::Tensor statistic(const at::Tensor& per_row) { return per_row.to(at::kFloat).flatten(); }

NormResult normalised(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double eps) {
  if (b.defined()) {
    const auto [y, mean, rstd] = at::native_layer_norm(x, {x.size(1)}, w, b, eps);
    return {y, statistic(mean), statistic(rstd)};
  }
  const auto [y, rstd] = at::_fused_rms_norm(x, {x.size(1)}, w, eps);
  return {y, {}, statistic(rstd)};
}

/// fp32 dx and the gradient of w.
using Gradients = std::pair<at::Tensor, at::Tensor>;

Gradients layer_norm_gradients(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w) {
  auto [dx, dw, db] = at::native_layer_norm_backward(dy, x.to(at::kFloat), {x.size(1)}, forward.mean.unsqueeze(1),
                                                     forward.rstd.unsqueeze(1), w.to(at::kFloat), /*bias=*/{}, {true, true, false});
  return {dx, dw};
}

/// By hand: ATen's own has no CPU kernel to be tested.
Gradients rms_norm_gradients(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w) {
  const at::Tensor rstd = forward.rstd.unsqueeze(1), normal = x * rstd, dnormal = dy * w;
  return {(dnormal - normal * (dnormal * normal).mean(1, /*keepdim=*/true)) * rstd, (dy * normal).sum(0)};
}

}  // namespace

AddNormResult norm(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps) {
  if (!delta.defined()) return {{}, normalised(x, w, b, eps)};
  const at::Tensor sum = x + delta;
  return {sum, normalised(sum, w, b, eps)};
}

at::Tensor norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                         const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b) {
  const at::Tensor d = dy.to(at::kFloat);  // sums over tokens stay fp32, and so does the product with w
  const auto gradients = forward.mean.defined() ? layer_norm_gradients : rms_norm_gradients;
  const auto [dx, dw] = gradients(d, x, forward, w);
  grad_w.add_(dw);
  if (grad_b.defined()) grad_b.add_(d.sum(0));
  return (dresidual.defined() ? dx + dresidual : dx).to(x.scalar_type());
}

}  // namespace llmrun::aten
