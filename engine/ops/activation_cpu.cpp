#include "engine/ops/cpu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "engine/ops/dispatch.h"
#include "engine/ops/simd.h"
#include "engine/ops/vector_math.h"

namespace llmrun::cpu {
namespace {

// gelu_tanh(h) = h (1 + tanh u) / 2 = h sigmoid(2 u), with u = sqrt(2 / pi) (h + 0.044715 h^3).
constexpr float kTwoRootTwoOverPi = 1.5957691216F;
constexpr float kCubic = 0.044715F;
constexpr int64_t kElementsPerThread = 16384;

template <typename T>
LLMRUN_SIMD void gelu_span(const T* __restrict h, T* __restrict y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float x = widen(h[i]);
    y[i] = narrow<T>(x * vector_sigmoid(kTwoRootTwoOverPi * x * (1.0F + kCubic * x * x)));
  }
}

template <typename T>
LLMRUN_SIMD void gelu_backward_span(const T* __restrict dy, const T* __restrict h, T* __restrict dh, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float x = widen(h[i]);
    const float s = vector_sigmoid(kTwoRootTwoOverPi * x * (1.0F + kCubic * x * x));
    const float slope = kTwoRootTwoOverPi * (1.0F + 3.0F * kCubic * x * x);
    dh[i] = narrow<T>(widen(dy[i]) * (s + x * s * (1.0F - s) * slope));
  }
}

template <typename T>
LLMRUN_SIMD void swiglu_row(const T* __restrict gate, const T* __restrict up, T* __restrict y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = widen(gate[i]);
    y[i] = narrow<T>(g * vector_sigmoid(g) * widen(up[i]));
  }
}

template <typename T>
LLMRUN_SIMD void swiglu_backward_row(const T* __restrict dy, const T* __restrict gate, const T* __restrict up, T* __restrict dgate,
                                     T* __restrict dup, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float d = widen(dy[i]), g = widen(gate[i]);
    const float s = vector_sigmoid(g);
    dgate[i] = narrow<T>(d * widen(up[i]) * s * (1.0F + g * (1.0F - s)));
    dup[i] = narrow<T>(d * g * s);
  }
}

int64_t rows_per_thread(int64_t columns) { return std::max<int64_t>(1, kElementsPerThread / columns); }

}  // namespace

at::Tensor gelu_tanh(const at::Tensor& h) {
  at::Tensor y = at::empty_like(h);
  with_dtype(h, [&]<typename T>(T) {
    const T* in = h.const_data_ptr<T>();
    T* out = y.mutable_data_ptr<T>();
    at::parallel_for(0, h.numel(), kElementsPerThread,
                     [&](int64_t begin, int64_t end) { gelu_span(in + begin, out + begin, end - begin); });
  });
  return y;
}

at::Tensor gelu_tanh_backward(const at::Tensor& dy, const at::Tensor& h) {
  at::Tensor dh = at::empty_like(h);
  with_dtype(h, [&]<typename T>(T) {
    const T* grad = dy.const_data_ptr<T>();
    const T* in = h.const_data_ptr<T>();
    T* out = dh.mutable_data_ptr<T>();
    at::parallel_for(0, h.numel(), kElementsPerThread,
                     [&](int64_t begin, int64_t end) { gelu_backward_span(grad + begin, in + begin, out + begin, end - begin); });
  });
  return dh;
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  const int64_t tokens = gate_up.size(0), ffn = gate_up.size(1) / 2;
  at::Tensor y = at::empty({tokens, ffn}, gate_up.options());
  with_dtype(gate_up, [&]<typename T>(T) {
    const T* in = gate_up.const_data_ptr<T>();
    T* out = y.mutable_data_ptr<T>();
    at::parallel_for(0, tokens, rows_per_thread(ffn), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) swiglu_row(in + 2 * row * ffn, in + (2 * row + 1) * ffn, out + row * ffn, ffn);
    });
  });
  return y;
}

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up) {
  const int64_t tokens = gate_up.size(0), ffn = gate_up.size(1) / 2;
  at::Tensor dgate_up = at::empty_like(gate_up);
  with_dtype(gate_up, [&]<typename T>(T) {
    const T* grad = dy.const_data_ptr<T>();
    const T* in = gate_up.const_data_ptr<T>();
    T* out = dgate_up.mutable_data_ptr<T>();
    at::parallel_for(0, tokens, rows_per_thread(ffn), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t gate = 2 * row * ffn, up = gate + ffn;
        swiglu_backward_row(grad + row * ffn, in + gate, in + up, out + gate, out + up, ffn);
      }
    });
  });
  return dgate_up;
}

}  // namespace llmrun::cpu
