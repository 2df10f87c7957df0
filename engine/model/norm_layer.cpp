#include "engine/model/norm_layer.h"

namespace llmrun {

at::Tensor NormLayer::keep(NormResult result, Saved& saved) const {
  saved[slots_.mean] = std::move(result.mean);
  saved[slots_.rstd] = std::move(result.rstd);
  saved[slots_.out] = result.y;
  return result.y;
}

at::Tensor NormLayer::forward(const at::Tensor& x, Saved& saved) const {
  const at::Tensor weight = buffers_->weight(weight_);
  return keep(rms_ ? rms_norm(x, weight, eps_) : layer_norm(x, weight, buffers_->weight(bias_), eps_), saved);
}

at::Tensor NormLayer::forward_sum(const at::Tensor& residual, const at::Tensor& delta, Slot sum, Saved& saved) const {
  const at::Tensor weight = buffers_->weight(weight_);
  AddNormResult both =
      rms_ ? add_rms_norm(residual, delta, weight, eps_) : add_layer_norm(residual, delta, weight, buffers_->weight(bias_), eps_);
  saved[sum] = std::move(both.sum);
  return keep(std::move(both.norm), saved);
}

at::Tensor NormLayer::backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& dresidual, Saved& saved) const {
  const NormResult forward{{}, saved.take(slots_.mean), saved.take(slots_.rstd)};
  const at::Tensor weight = buffers_->weight(weight_), gradient = buffers_->gradient(weight_);
  return rms_ ? rms_norm_backward(dy, x, forward, weight, dresidual, gradient)
              : layer_norm_backward(dy, x, forward, weight, dresidual, gradient, buffers_->gradient(bias_));
}

}  // namespace llmrun
