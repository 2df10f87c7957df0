#include "engine/ops/norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sum.h>

#include "engine/ops/norm_cpu.h"

namespace llmrun {
namespace {

// The reference, and the path of a GPU: the formulas in fp32, an ATen operator a line.

NormResult norm_with_aten(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double eps) {
  at::Tensor centred = x.to(at::kFloat);
  NormResult result;
  if (b.defined()) {
    result.mean = centred.mean(-1);
    centred = centred - result.mean.unsqueeze(-1);
  }
  result.rstd = at::rsqrt(centred.square().mean(-1) + eps);
  at::Tensor y = centred * result.rstd.unsqueeze(-1) * w;
  if (b.defined()) y = y + b;
  result.y = y.to(x.scalar_type());
  return result;
}

at::Tensor backward_with_aten(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                              const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b) {
  const at::Tensor d = dy.to(at::kFloat);
  at::Tensor normal = x.to(at::kFloat);
  if (forward.mean.defined()) normal = normal - forward.mean.unsqueeze(-1);
  normal = normal * forward.rstd.unsqueeze(-1);
  at::Tensor dnormal = d * w;
  at::Tensor dx = dnormal - normal * (dnormal * normal).mean(-1, /*keepdim=*/true);
  if (forward.mean.defined()) dx = dx - dnormal.mean(-1, /*keepdim=*/true);
  dx = dx * forward.rstd.unsqueeze(-1);
  if (dresidual.defined()) dx = dx + dresidual;
  grad_w.add_((d * normal).sum(0));
  if (grad_b.defined()) grad_b.add_(d.sum(0));
  return dx.to(x.scalar_type());
}

AddNormResult add_norm(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps) {
  if (residual.is_cpu()) return norm_cpu(residual, delta, w, b, eps);
  const at::Tensor sum = residual + delta;
  return {sum, norm_with_aten(sum, w, b, eps)};
}

}  // namespace

NormResult layer_norm(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double eps) {
  return x.is_cpu() ? norm_cpu(x, /*delta=*/{}, w, b, eps).norm : norm_with_aten(x, w, b, eps);
}

NormResult rms_norm(const at::Tensor& x, const at::Tensor& w, double eps) {
  return x.is_cpu() ? norm_cpu(x, /*delta=*/{}, w, /*b=*/{}, eps).norm : norm_with_aten(x, w, {}, eps);
}

AddNormResult add_layer_norm(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps) {
  return add_norm(residual, delta, w, b, eps);
}

AddNormResult add_rms_norm(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& w, double eps) {
  return add_norm(residual, delta, w, /*b=*/{}, eps);
}

at::Tensor layer_norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                               const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b) {
  const auto backward = x.is_cpu() ? norm_backward_cpu : backward_with_aten;
  return backward(dy, x, forward, w, dresidual, grad_w, grad_b);
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                             const at::Tensor& dresidual, const at::Tensor& grad_w) {
  const auto backward = x.is_cpu() ? norm_backward_cpu : backward_with_aten;
  return backward(dy, x, forward, w, dresidual, grad_w, /*grad_b=*/{});
}

}  // namespace llmrun
