#pragma once
#include "engine/ops/norm.h"

namespace llmrun {

/// Both norms of norm.h on a CPU, one pass over memory each way. `delta` undefined: no add, and `sum` stays undefined. `b` undefined:
/// RMSNorm, no mean.
AddNormResult norm_cpu(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps);

/// RMSNorm where forward.mean is undefined (and then grad_b is).
at::Tensor norm_backward_cpu(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                             const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b);

}  // namespace llmrun
