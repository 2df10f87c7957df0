#include "engine/ops/attention_rows.h"

#include <limits>

namespace llmrun {

LLMRUN_SIMD float max_of_row(const float* x, int64_t n) {
  float largest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

LLMRUN_SIMD void scale_row(float* x, float factor, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

LLMRUN_SIMD float exponentiate_row(float* x, float shift, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    x[i] = vector_exp(x[i] - shift);
    sum += x[i];
  }
  return sum;
}

LLMRUN_SIMD void softmax_backward_row(float* __restrict score, float* __restrict dprobability, float lse, float mean, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float probability = vector_exp(score[i] - lse);
    score[i] = probability;
    dprobability[i] = probability * (dprobability[i] - mean);
  }
}

}  // namespace llmrun
