#include "engine/ops/gemm.h"

// LibTorch exports its BLAS under the Fortran names only: column-major, everything by address, 32-bit sizes.
extern "C" void sgemm_(const char* transpose_a, const char* transpose_b, const int* m, const int* n, const int* k, const float* alpha,
                       const float* a, const int* lda, const float* b, const int* ldb, const float* beta, float* c, const int* ldc);

namespace llmrun {

void gemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, float beta, float* c, int64_t c_stride) {
  // Row-major c = a b is column-major c^T = b^T a^T, and a row-major matrix already is its own transpose there.
  const int rows = static_cast<int>(n), columns = static_cast<int>(m), inner = static_cast<int>(k);
  const int lda = static_cast<int>(b.stride), ldb = static_cast<int>(a.stride), ldc = static_cast<int>(c_stride);
  const float one = 1.0F;
  sgemm_(b.transposed ? "T" : "N", a.transposed ? "T" : "N", &rows, &columns, &inner, &one, b.data, &lda, a.data, &ldb, &beta, c, &ldc);
}

}  // namespace llmrun
