#include "engine/ops/bf16_product.h"

#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <cstring>

#include "engine/ops/simd.h"

namespace llmrun {

bool multiplies_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

void bf16_product(int64_t m, int64_t n, int64_t k, const at::BFloat16* a, int64_t a_stride, const Pair* b, int64_t b_stride, bool add,
                  float* c, int64_t c_stride) {
  const auto* pairs = reinterpret_cast<const at::BFloat16*>(b);
  at::native::cpublas::brgemm(m, n, k, a_stride, b_stride, c_stride, add, a, pairs, c, /*is_vnni=*/true);
}

void release_bf16_product() { at::native::cpublas::brgemm_release(); }

LLMRUN_SIMD void pair_rows(const at::BFloat16* __restrict first, const at::BFloat16* __restrict second, Pair* __restrict to, int64_t n) {
  if (!second) {
    for (int64_t i = 0; i < n; ++i) to[i] = first[i].x;
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = first[i].x | uint32_t{second[i].x} << 16;
}

void pack_rows(const at::BFloat16* x, int64_t stride, int64_t rows, int64_t columns, Pair* to) {
  for (int64_t row = 0; row < rows; row += 2) {
    pair_rows(x + row * stride, row + 1 < rows ? x + (row + 1) * stride : nullptr, to + row / 2 * columns, columns);
  }
}

void pack_transposed(const at::BFloat16* x, int64_t stride, int64_t rows, int64_t columns, Pair* to) {
  constexpr int64_t kAtOnce = 16;  // a cache line of each destination row
  for (int64_t begin = 0; begin < rows; begin += kAtOnce) {
    const int64_t end = std::min(rows, begin + kAtOnce);
    for (int64_t pair = 0; pair < columns / 2; ++pair) {
      for (int64_t row = begin; row < end; ++row) std::memcpy(to + pair * rows + row, x + row * stride + 2 * pair, sizeof(Pair));
    }
  }
}

}  // namespace llmrun
