#include <ATen/Parallel.h>

#include "engine/ops/cpu.h"
#include "engine/ops/dispatch.h"
#include "engine/ops/simd.h"

namespace llmrun::cpu {
namespace {

/// Turns the pairs (i, i + half) of `heads` heads that follow each other in memory.
template <typename T>
LLMRUN_SIMD void rotate_heads(T* x, int64_t heads, int64_t half, const float* __restrict cos, const float* __restrict sin, float sign) {
  for (int64_t head = 0; head < heads; ++head) {
    T* __restrict first = x + head * 2 * half;
    T* __restrict second = first + half;
#pragma omp simd
    for (int64_t i = 0; i < half; ++i) {
      const float a = widen(first[i]), b = widen(second[i]), s = sign * sin[i];
      first[i] = narrow<T>(a * cos[i] - b * s);
      second[i] = narrow<T>(b * cos[i] + a * s);
    }
  }
}

}  // namespace

void rotary_(const at::Tensor& qkv, int64_t heads, int64_t kv_heads, int64_t head_dim, const at::Tensor& positions,
             const RotaryTable& table, bool inverse) {
  const int64_t turned = heads + kv_heads, half = head_dim / 2;
  const int64_t tokens = qkv.size(0), columns = qkv.size(1);
  const int64_t* position = positions.const_data_ptr<int64_t>();
  const float* cos = table.cos.const_data_ptr<float>();
  const float* sin = table.sin.const_data_ptr<float>();
  with_dtype(qkv, [&]<typename T>(T) {
    T* x = qkv.mutable_data_ptr<T>();
    at::parallel_for(0, tokens, 32, [&](int64_t begin, int64_t end) {
      for (int64_t token = begin; token < end; ++token) {
        const int64_t row = position[token] * half;
        rotate_heads(x + token * columns, turned, half, cos + row, sin + row, inverse ? -1.0F : 1.0F);
      }
    });
  });
}

}  // namespace llmrun::cpu
