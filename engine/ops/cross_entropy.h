#pragma once
#include <ATen/core/Tensor.h>

#include "engine/comm/communicator.h"
#include "engine/core/layout.h"

namespace llmrun {

/// Loss and gradient of the last layer, in one pass.
struct LossResult {
  at::Tensor loss_sum;  // fp64, no dims, on the device of x: sum over counted tokens of -log p(target). Equal on all tensor ranks
  at::Tensor tokens;    // int64, no dims, likewise: how many counted, those with a target >= 0
  at::Tensor dx;  // [tokens, hidden], dtype of x: gradient of loss_sum, this rank's part (sum it over tensor); undefined in evaluation
};

/// The output layer and cross-entropy together, a chunk of tokens at a time, so that the logits never exist whole (Hsu et al. 2024,
/// Liger Kernel), with the vocabulary's rows split over `tensor` (Shoeybi et al. 2019).
///
/// x: [tokens, hidden], the same on every rank of `tensor`; w: [rows held, hidden], of which the first rows.size() rows count and the rest
/// is padding, invisible in the loss; targets: int64 [tokens], ids of the whole vocabulary, negative: not counted.
/// grad_w: fp32 [rows held, hidden], overwritten, or added to when `accumulate`; undefined: evaluation, no gradient at all.
/// gradient_scale: multiplies the loss's gradient in fp32, before it is rounded to the dtype of x.
///
/// ceil(tokens / chunk) chunks. With tensor.size() > 1 each makes exactly two all-reduces: a max of [chunk] and a sum of [2, chunk] fp32.
/// Memory: chunk x rows held fp32 logits, in bf16 half as much again for their gradient. Softmax in fp32, row sums in fp64.
LossResult linear_cross_entropy(const at::Tensor& x, const at::Tensor& w, const at::Tensor& targets, Interval rows, Communicator& tensor,
                                const at::Tensor& grad_w, bool accumulate, int64_t chunk, double gradient_scale = 1);

}  // namespace llmrun
