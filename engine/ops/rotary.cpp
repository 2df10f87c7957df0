#include "engine/ops/rotary.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/sin.h>

#include "engine/ops/dispatch.h"
#include "engine/ops/simd.h"

namespace llmrun {
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

void rotate_with_aten(const at::Tensor& qkv, int64_t heads, int64_t head_dim, const at::Tensor& positions, const RotaryTable& table,
                      bool inverse) {
  const int64_t half = head_dim / 2;
  at::Tensor x = qkv.narrow(1, 0, heads * head_dim).view({qkv.size(0), heads, head_dim});
  at::Tensor first = x.narrow(2, 0, half), second = x.narrow(2, half, half);
  const at::Tensor a = first.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  const at::Tensor b = second.to(at::kFloat);
  const at::Tensor cos = table.cos.index_select(0, positions).unsqueeze(1);
  const at::Tensor sin = table.sin.index_select(0, positions).unsqueeze(1) * (inverse ? -1.0 : 1.0);
  const at::Tensor turned = b * cos + a * sin;
  first.copy_(a * cos - b * sin);
  second.copy_(turned);
}

}  // namespace

RotaryTable make_rotary(int64_t max_positions, int64_t head_dim, double theta, const at::TensorOptions& options) {
  // In fp32, step by step as Hugging Face does it: a position of 100,000 feels the rounding of its frequency.
  const at::TensorOptions fp32 = options.dtype(at::kFloat);
  const at::Tensor exponent = at::arange(0, head_dim, 2, fp32) / static_cast<double>(head_dim);
  const at::Tensor frequency = at::pow(theta, exponent).reciprocal();
  const at::Tensor angle = at::outer(at::arange(max_positions, fp32), frequency);
  return {at::cos(angle), at::sin(angle)};
}

void rotary_(const at::Tensor& qkv, int64_t heads, int64_t kv_heads, int64_t head_dim, const at::Tensor& positions,
             const RotaryTable& table, bool inverse) {
  const int64_t turned = heads + kv_heads, half = head_dim / 2;
  if (!qkv.is_cpu()) return rotate_with_aten(qkv, turned, head_dim, positions, table, inverse);
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

}  // namespace llmrun
