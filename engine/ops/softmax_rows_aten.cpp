#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/stack.h>

#include <limits>

#include "engine/ops/aten.h"

namespace llmrun::aten {
namespace {

/// The target's column here, as [tokens, 1], and whether this rank holds it (column 0 stands in where not).
struct TargetColumn {
  at::Tensor here, column;
};
TargetColumn target_column(const at::Tensor& targets, Interval rows) {
  const at::Tensor here = targets.ge(rows.begin).logical_and_(targets.lt(rows.end)).unsqueeze(1);
  return {here, (targets.unsqueeze(1) - rows.begin).masked_fill_(here.logical_not(), 0)};
}

}  // namespace

at::Tensor largest_of_rows(const at::Tensor& logits) { return at::amax(logits, 1); }

at::Tensor sums_of_rows(const at::Tensor& logits, const at::Tensor& largest, const at::Tensor& targets, Interval rows) {
  at::Tensor shifted = logits;
  shifted.sub_(largest.unsqueeze(1));
  const auto [here, column] = target_column(targets, rows);
  const at::Tensor target = shifted.gather(1, column).mul_(here).squeeze(1);
  return at::stack({shifted.exp_().sum(1, /*keepdim=*/false, at::kDouble).to(at::kFloat), target});
}

void turn_into_gradient(const at::Tensor& exponentials, const at::Tensor& sums, const at::Tensor& targets, Interval rows) {
  const auto [here, column] = target_column(targets, rows);
  // A token that does not count has the probability 0 everywhere, and no target here: one pass over the logits, not two.
  const at::Tensor divisor = sums.select(0, 0).masked_fill(targets.lt(0), std::numeric_limits<float>::infinity()).unsqueeze(1);
  at::Tensor gradient = exponentials;
  gradient.div_(divisor).scatter_add_(1, column, here.to(at::kFloat).neg_());
}

}  // namespace llmrun::aten
