#pragma once
#include <ATen/core/Tensor.h>

#include "engine/comm/communicator.h"

namespace llmrun {

/// The border between what tensor ranks do alike and what each does with its own columns (Shoeybi et al. 2019, section 3: f and g;
/// Korthikanti et al. 2022, section 4.2.2: g and its conjugate). Both directions of both passes are these two calls:
///
///   forward: column linear of enter(x), then leave(row linear);   backward: enter(dy), then leave(dx).
///
/// Without sequence parallelism x is whole on every rank: enter is nothing, leave an all-reduce. With it a rank holds the tokens
/// slice(): enter is an all-gather, leave a reduce-scatter, and the norms and residuals between them cost 1/tensor.
class TensorRegion {
 public:
  TensorRegion(Communicator& tensor, bool sequence_parallel)
      : tensor_(tensor), sequence_parallel_(sequence_parallel && tensor.size() > 1) {}

  Communicator& communicator() const { return tensor_; }
  bool sequence_parallel() const { return sequence_parallel_; }

  /// [T_local, ...] -> [T, ...].
  at::Tensor enter(const at::Tensor& x) const;
  /// This rank's part of a sum, [T, ...] -> the sum, [T_local, ...]. May change and return `partial` itself.
  at::Tensor leave(at::Tensor partial) const;
  /// The tokens this rank holds outside: [T, ...] -> [T_local, ...], a view.
  at::Tensor slice(const at::Tensor& whole) const;

 private:
  Communicator& tensor_;
  bool sequence_parallel_;
};

}  // namespace llmrun
