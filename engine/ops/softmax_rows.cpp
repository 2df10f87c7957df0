#include "engine/ops/softmax_rows.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

#include "engine/ops/attention_rows.h"
#include "engine/ops/simd.h"
#include "engine/ops/vector_math.h"

namespace llmrun {
namespace {

/// x becomes e^(x - shift); returns the sum, in fp64: a vocabulary is long.
LLMRUN_SIMD double exponentiate_long_row(float* x, float shift, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    x[i] = vector_exp(x[i] - shift);
    sum += x[i];
  }
  return sum;
}

template <typename F>
void for_each_row(int64_t tokens, const F& f) {
  at::parallel_for(0, tokens, 8, [&](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) f(token);
  });
}

bool holds(Interval rows, int64_t id) { return id >= rows.begin && id < rows.end; }

/// The target's column here, as [tokens, 1], and whether this rank holds it (column 0 stands in where not).
struct TargetColumn {
  at::Tensor here, column;
};
TargetColumn target_column(const at::Tensor& targets, Interval rows) {
  const at::Tensor here = targets.ge(rows.begin).logical_and_(targets.lt(rows.end)).unsqueeze(1);
  return {here, (targets.unsqueeze(1) - rows.begin).masked_fill_(here.logical_not(), 0)};
}

at::Tensor sums_with_aten(const at::Tensor& logits, const at::Tensor& largest, const at::Tensor& targets, Interval rows) {
  at::Tensor shifted = logits;
  shifted.sub_(largest.unsqueeze(1));
  const auto [here, column] = target_column(targets, rows);
  const at::Tensor target = shifted.gather(1, column).mul_(here).squeeze(1);
  return at::stack({shifted.exp_().sum(1, /*keepdim=*/false, at::kDouble).to(at::kFloat), target});
}

}  // namespace

at::Tensor largest_of_rows(const at::Tensor& logits) {
  const int64_t tokens = logits.size(0), columns = logits.size(1);
  at::Tensor largest = at::full({tokens}, -std::numeric_limits<float>::infinity(), logits.options());
  if (columns == 0) return largest;
  if (!logits.is_cpu()) return at::amax(logits, 1);
  const float* values = logits.const_data_ptr<float>();
  float* out = largest.mutable_data_ptr<float>();
  for_each_row(tokens, [&](int64_t token) { out[token] = max_of_row(values + token * columns, columns); });
  return largest;
}

at::Tensor sums_of_rows(const at::Tensor& logits, const at::Tensor& largest, const at::Tensor& targets, Interval rows) {
  const int64_t tokens = logits.size(0), columns = logits.size(1);
  at::Tensor sums = at::zeros({2, tokens}, logits.options());
  if (columns == 0) return sums;
  if (!logits.is_cpu()) return sums_with_aten(logits, largest, targets, rows);
  float *values = logits.mutable_data_ptr<float>(), *out = sums.mutable_data_ptr<float>();
  const float* shift = largest.const_data_ptr<float>();
  const int64_t* target = targets.const_data_ptr<int64_t>();
  for_each_row(tokens, [&](int64_t token) {
    float* row = values + token * columns;
    if (holds(rows, target[token])) out[tokens + token] = row[target[token] - rows.begin] - shift[token];
    out[token] = static_cast<float>(exponentiate_long_row(row, shift[token], columns));
  });
  return sums;
}

at::Tensor SoftmaxRows::loss(const at::Tensor& targets) const {
  const at::Tensor both = sums.to(at::kDouble);
  return both.select(0, 0).log().sub_(both.select(0, 1)).masked_fill_(targets.lt(0), 0).sum();
}

void SoftmaxRows::turn_into_gradient(const at::Tensor& exponentials, const at::Tensor& targets, Interval rows) const {
  const int64_t tokens = exponentials.size(0), columns = exponentials.size(1);
  if (columns == 0) return;
  if (!exponentials.is_cpu()) {
    const auto [here, column] = target_column(targets, rows);
    at::Tensor gradient = exponentials;
    gradient.div_(sums.select(0, 0).unsqueeze(1)).scatter_add_(1, column, here.to(at::kFloat).neg_());
    gradient.masked_fill_(targets.lt(0).unsqueeze(1), 0);
    return;
  }
  float* values = exponentials.mutable_data_ptr<float>();
  const float* sum = sums.const_data_ptr<float>();
  const int64_t* target = targets.const_data_ptr<int64_t>();
  for_each_row(tokens, [&](int64_t token) {
    float* row = values + token * columns;
    scale_row(row, target[token] < 0 ? 0.0F : 1.0F / sum[token], columns);
    if (holds(rows, target[token])) row[target[token] - rows.begin] -= 1.0F;
  });
}

}  // namespace llmrun
