#pragma once
#include <ATen/core/Tensor.h>

#include "engine/core/layout.h"

namespace llmrun {

// The parts of a softmax cross-entropy over a vocabulary whose columns lie on several ranks. logits: fp32 [tokens, rows.size()], the
// columns `rows` of the whole; targets: int64 [tokens], of the whole vocabulary, negative: not counted.

/// fp32 [tokens]; minus infinity where this rank holds no column.
at::Tensor largest_of_rows(const at::Tensor& logits);

/// fp32 [2, tokens]: this rank's sum of e^(logit - largest), added up in fp64, and (target's logit - largest), 0 where it is not here.
/// Leaves e^(logit - largest) in `logits`. Both rows become whole by a sum over the ranks.
at::Tensor sums_of_rows(const at::Tensor& logits, const at::Tensor& largest, const at::Tensor& targets, Interval rows);

/// Summed over the ranks.
struct SoftmaxRows {
  at::Tensor largest;  // [tokens]
  at::Tensor sums;     // [2, tokens]

  /// fp64, no dims: the sum over counted tokens of log(sum of exponentials) - (target's logit - largest).
  at::Tensor loss(const at::Tensor& targets) const;

  /// `exponentials` as sums_of_rows left them become probability minus one at the target: the gradient of the loss by the logits.
  void turn_into_gradient(const at::Tensor& exponentials, const at::Tensor& targets, Interval rows) const;
};

}  // namespace llmrun
