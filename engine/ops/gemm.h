#pragma once
#include <cstdint>

namespace llmrun {

/// A matrix in memory, row-major, `stride` elements from row to row; `transposed` reads it the other way.
struct Matrix {
  const float* data;
  int64_t stride;
  bool transposed = false;
};
inline Matrix transpose(Matrix m) { return {m.data, m.stride, !m.transposed}; }

/// c [m, n] = a [m, k] b [k, n] + beta c, fp32, row-major. The BLAS inside LibTorch; runs in the calling thread when that is already one
/// of a parallel loop.
void gemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, float beta, float* c, int64_t c_stride);

}  // namespace llmrun
