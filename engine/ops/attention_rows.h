#pragma once
#include <cstdint>

#include "engine/ops/simd.h"
#include "engine/ops/vector_math.h"

namespace llmrun {

// What the tiles of attention_cpu.cpp do between their matrix products, a row at a time.

template <typename T>
LLMRUN_SIMD void widen_row(const T* __restrict x, float scale, float* __restrict y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = scale * widen(x[i]);
}

template <typename T>
LLMRUN_SIMD void narrow_row(const float* __restrict x, float scale, T* __restrict y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = narrow<T>(scale * x[i]);
}

template <typename T>
LLMRUN_SIMD float dot_row(const T* __restrict a, const T* __restrict b, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += widen(a[i]) * widen(b[i]);
  return sum;
}

float max_of_row(const float* x, int64_t n);
void scale_row(float* x, float factor, int64_t n);

/// x becomes e^(x - shift); returns the sum.
float exponentiate_row(float* x, float shift, int64_t n);

/// Scores become probabilities e^(score - lse), and dprobability becomes dscore = probability (dprobability - mean), where mean is the
/// row's sum of probability x dprobability.
void softmax_backward_row(float* score, float* dprobability, float lse, float mean, int64_t n);

}  // namespace llmrun
