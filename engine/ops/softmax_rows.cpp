#include "engine/ops/softmax_rows.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"

namespace llmrun {

// A rank may hold no column at all: more ranks than words.

at::Tensor largest_of_rows(const at::Tensor& logits) {
  if (logits.size(1) == 0) return at::full({logits.size(0)}, -std::numeric_limits<float>::infinity(), logits.options());
  return logits.is_cpu() ? cpu::largest_of_rows(logits) : aten::largest_of_rows(logits);
}

at::Tensor sums_of_rows(const at::Tensor& logits, const at::Tensor& largest, const at::Tensor& targets, Interval rows) {
  if (logits.size(1) == 0) return at::zeros({2, logits.size(0)}, logits.options());
  const auto sums = logits.is_cpu() ? cpu::sums_of_rows : aten::sums_of_rows;
  return sums(logits, largest, targets, rows);
}

at::Tensor SoftmaxRows::loss(const at::Tensor& targets) const {
  const at::Tensor both = sums.to(at::kDouble);
  return both.select(0, 0).log().sub_(both.select(0, 1)).masked_fill_(targets.lt(0), 0).sum();
}

void SoftmaxRows::turn_into_gradient(const at::Tensor& exponentials, const at::Tensor& targets, Interval rows) const {
  if (exponentials.size(1) == 0) return;
  const auto turn = exponentials.is_cpu() ? cpu::turn_into_gradient : aten::turn_into_gradient;
  turn(exponentials, sums, targets, rows);
}

}  // namespace llmrun
