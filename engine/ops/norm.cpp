#include "engine/ops/norm.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"

namespace llmrun {
namespace {

// One function serves both norms: without b it is RMSNorm, without delta nothing is added first.

AddNormResult norm(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps) {
  return x.is_cpu() ? cpu::norm(x, delta, w, b, eps) : aten::norm(x, delta, w, b, eps);
}

at::Tensor norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                         const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b) {
  const auto backward = x.is_cpu() ? cpu::norm_backward : aten::norm_backward;
  return backward(dy, x, forward, w, dresidual, grad_w, grad_b);
}

}  // namespace

NormResult layer_norm(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double eps) { return norm(x, {}, w, b, eps).norm; }

NormResult rms_norm(const at::Tensor& x, const at::Tensor& w, double eps) { return norm(x, {}, w, {}, eps).norm; }

AddNormResult add_layer_norm(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps) {
  return norm(residual, delta, w, b, eps);
}

AddNormResult add_rms_norm(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& w, double eps) {
  return norm(residual, delta, w, {}, eps);
}

at::Tensor layer_norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                               const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b) {
  return norm_backward(dy, x, forward, w, dresidual, grad_w, grad_b);
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                             const at::Tensor& dresidual, const at::Tensor& grad_w) {
  return norm_backward(dy, x, forward, w, dresidual, grad_w, {});
}

}  // namespace llmrun
