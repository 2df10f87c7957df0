#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include "engine/ops/attention_rows.h"
#include "engine/ops/cpu.h"
#include "engine/ops/simd.h"
#include "engine/ops/vector_math.h"

namespace llmrun::cpu {
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

}  // namespace

at::Tensor largest_of_rows(const at::Tensor& logits) {
  const int64_t tokens = logits.size(0), columns = logits.size(1);
  at::Tensor largest = at::empty({tokens}, logits.options());
  const float* values = logits.const_data_ptr<float>();
  float* out = largest.mutable_data_ptr<float>();
  for_each_row(tokens, [&](int64_t token) { out[token] = max_of_row(values + token * columns, columns); });
  return largest;
}

at::Tensor sums_of_rows(const at::Tensor& logits, const at::Tensor& largest, const at::Tensor& targets, Interval rows) {
  const int64_t tokens = logits.size(0), columns = logits.size(1);
  at::Tensor sums = at::empty({2, tokens}, logits.options());
  float *values = logits.mutable_data_ptr<float>(), *out = sums.mutable_data_ptr<float>();
  const float* shift = largest.const_data_ptr<float>();
  const int64_t* target = targets.const_data_ptr<int64_t>();
  for_each_row(tokens, [&](int64_t token) {
    float* row = values + token * columns;
    out[tokens + token] = holds(rows, target[token]) ? row[target[token] - rows.begin] - shift[token] : 0.0F;
    out[token] = static_cast<float>(exponentiate_long_row(row, shift[token], columns));
  });
  return sums;
}

void turn_into_gradient(const at::Tensor& exponentials, const at::Tensor& sums, const at::Tensor& targets, Interval rows) {
  const int64_t tokens = exponentials.size(0), columns = exponentials.size(1);
  float* values = exponentials.mutable_data_ptr<float>();
  const float* sum = sums.const_data_ptr<float>();
  const int64_t* target = targets.const_data_ptr<int64_t>();
  for_each_row(tokens, [&](int64_t token) {
    float* row = values + token * columns;
    scale_row(row, target[token] < 0 ? 0.0F : 1.0F / sum[token], columns);
    if (holds(rows, target[token])) row[target[token] - rows.begin] -= 1.0F;
  });
}

}  // namespace llmrun::cpu
