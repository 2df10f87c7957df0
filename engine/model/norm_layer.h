#pragma once
#include "engine/core/model_shape.h"
#include "engine/ops/norm.h"
#include "engine/parallel/saved.h"
#include "engine/parallel/unit_buffers.h"

namespace llmrun {

/// LayerNorm or RMSNorm, whichever the model has, on a unit's buffers. Statistics and output go into the slots it is given.
class NormLayer {
 public:
  struct Slots {
    Slot mean, rstd, out;
  };
  NormLayer(const ModelShape& shape, std::shared_ptr<UnitBuffers> buffers, Role weight, Role bias, Slots slots)
      : rms_(shape.norm == Norm::rmsnorm),
        eps_(shape.norm_eps),
        buffers_(std::move(buffers)),
        weight_(weight),
        bias_(bias),
        slots_(slots) {}

  /// norm(x), kept in slots.out.
  at::Tensor forward(const at::Tensor& x, Saved& saved) const;
  /// residual + delta, kept in `sum`, and the norm of it, returned and kept in slots.out.
  at::Tensor forward_sum(const at::Tensor& residual, const at::Tensor& delta, Slot sum, Saved& saved) const;
  /// dx + dresidual, where x is what was normed; adds to the gradients of weight and bias.
  at::Tensor backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& dresidual, Saved& saved) const;

 private:
  at::Tensor keep(NormResult result, Saved& saved) const;
  bool rms_;
  double eps_;
  std::shared_ptr<UnitBuffers> buffers_;
  Role weight_, bias_;
  Slots slots_;
};

}  // namespace llmrun
