#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <cmath>
#include <vector>

#include "engine/ops/column_sum.h"
#include "engine/ops/cpu.h"
#include "engine/ops/dispatch.h"
#include "engine/ops/simd.h"

namespace llmrun::cpu {
namespace {

constexpr int64_t kRowsPerThread = 16;

template <typename T>
LLMRUN_SIMD void add_row(const T* __restrict a, const T* __restrict b, T* __restrict sum, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) sum[i] = narrow<T>(widen(a[i]) + widen(b[i]));
}

template <typename T>
LLMRUN_SIMD float row_sum(const T* x, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += widen(x[i]);
  return sum;
}

template <typename T>
LLMRUN_SIMD float row_squares(const T* x, float mean, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += (widen(x[i]) - mean) * (widen(x[i]) - mean);
  return sum;
}

template <typename T>
LLMRUN_SIMD void scale_row(const T* __restrict x, float mean, float rstd, const T* __restrict w, T* __restrict y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = narrow<T>((widen(x[i]) - mean) * rstd * widen(w[i]));
}

template <typename T>
LLMRUN_SIMD void scale_shift_row(const T* __restrict x, float mean, float rstd, const T* __restrict w, const T* __restrict b,
                                 T* __restrict y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = narrow<T>((widen(x[i]) - mean) * rstd * widen(w[i]) + widen(b[i]));
}

/// The two means over channels that the gradient of a normalised row needs; on the way, adds the row to the weights' gradients.
struct RowMeans {
  float dnormal;         // of dy w
  float dnormal_normal;  // of dy w (x - mean) rstd
};
template <typename T>
LLMRUN_SIMD RowMeans backward_sums(const T* __restrict dy, const T* __restrict x, float mean, float rstd, const T* __restrict w,
                                   float* __restrict grad_w, float* __restrict grad_b, int64_t n) {
  float dnormal = 0, dnormal_normal = 0;
#pragma omp simd reduction(+ : dnormal, dnormal_normal)
  for (int64_t i = 0; i < n; ++i) {
    const float d = widen(dy[i]), normal = (widen(x[i]) - mean) * rstd, dn = d * widen(w[i]);
    grad_w[i] += d * normal;
    grad_b[i] += d;
    dnormal += dn;
    dnormal_normal += dn * normal;
  }
  return {dnormal / static_cast<float>(n), dnormal_normal / static_cast<float>(n)};
}

template <typename T>
LLMRUN_SIMD void backward_row(const T* __restrict dy, const T* __restrict x, float mean, float rstd, const T* __restrict w, RowMeans means,
                              T* __restrict dx, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float normal = (widen(x[i]) - mean) * rstd;
    dx[i] = narrow<T>(rstd * (widen(dy[i]) * widen(w[i]) - means.dnormal - normal * means.dnormal_normal));
  }
}

template <typename T>
LLMRUN_SIMD void backward_row_add(const T* __restrict dy, const T* __restrict x, float mean, float rstd, const T* __restrict w,
                                  RowMeans means, const T* __restrict dresidual, T* __restrict dx, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float normal = (widen(x[i]) - mean) * rstd;
    dx[i] = narrow<T>(widen(dresidual[i]) + rstd * (widen(dy[i]) * widen(w[i]) - means.dnormal - normal * means.dnormal_normal));
  }
}

template <typename T>
const T* read(const at::Tensor& t) {
  return t.defined() ? t.const_data_ptr<T>() : nullptr;
}
template <typename T>
T* write(const at::Tensor& t) {
  return t.defined() ? t.mutable_data_ptr<T>() : nullptr;
}

}  // namespace

AddNormResult norm(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps) {
  const int64_t tokens = x.size(0), hidden = x.size(1);
  const auto fp32 = x.options().dtype(at::kFloat);
  AddNormResult result{delta.defined() ? at::empty_like(x) : at::Tensor(), {at::empty_like(x), {}, at::empty({tokens}, fp32)}};
  if (b.defined()) result.norm.mean = at::empty({tokens}, fp32);
  with_dtype(x, [&]<typename T>(T) {
    const T *in = read<T>(x), *add = read<T>(delta), *weight = read<T>(w), *bias = read<T>(b);
    T *sum = write<T>(result.sum), *out = write<T>(result.norm.y);
    float *means = write<float>(result.norm.mean), *rstds = write<float>(result.norm.rstd);
    at::parallel_for(0, tokens, kRowsPerThread, [&](int64_t begin, int64_t end) {
      for (int64_t token = begin; token < end; ++token) {
        const int64_t at = token * hidden;
        const T* row = in + at;
        if (add) {
          add_row(row, add + at, sum + at, hidden);
          row = sum + at;
        }
        const float mean = bias ? row_sum(row, hidden) / static_cast<float>(hidden) : 0.0F;
        const float variance = row_squares(row, mean, hidden) / static_cast<float>(hidden);
        rstds[token] = 1.0F / std::sqrt(variance + static_cast<float>(eps));
        if (!bias) {
          scale_row(row, mean, rstds[token], weight, out + at, hidden);
        } else {
          means[token] = mean;
          scale_shift_row(row, mean, rstds[token], weight, bias, out + at, hidden);
        }
      }
    });
  });
  return result;
}

at::Tensor norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                         const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b) {
  const int64_t hidden = x.size(1);
  const TokenBlocks blocks{x.size(0)};
  at::Tensor dx = at::empty_like(x);
  // Partial gradients of the weights by block: of w, then of b.
  std::vector<float> partials_w(blocks.count() * hidden, 0.0F), partials_b(blocks.count() * hidden, 0.0F);
  with_dtype(x, [&]<typename T>(T) {
    const T *grad = read<T>(dy), *in = read<T>(x), *weight = read<T>(w), *residual = read<T>(dresidual);
    const float *means = read<float>(forward.mean), *rstds = read<float>(forward.rstd);
    T* out = write<T>(dx);
    at::parallel_for(0, blocks.count(), 1, [&](int64_t first, int64_t last) {
      for (int64_t block = first; block < last; ++block) {
        float *sums_w = &partials_w[block * hidden], *sums_b = &partials_b[block * hidden];
        for (int64_t token = blocks.begin(block); token < blocks.end(block); ++token) {
          const int64_t at = token * hidden;
          const float mean = means ? means[token] : 0.0F, rstd = rstds[token];
          RowMeans row = backward_sums(grad + at, in + at, mean, rstd, weight, sums_w, sums_b, hidden);
          if (!means) row.dnormal = 0;  // RMSNorm subtracts no mean, so none comes back
          if (residual) {
            backward_row_add(grad + at, in + at, mean, rstd, weight, row, residual + at, out + at, hidden);
          } else {
            backward_row(grad + at, in + at, mean, rstd, weight, row, out + at, hidden);
          }
        }
      }
    });
  });
  add_partials(partials_w.data(), blocks.count(), hidden, /*accumulate=*/true, write<float>(grad_w));
  if (grad_b.defined()) add_partials(partials_b.data(), blocks.count(), hidden, /*accumulate=*/true, write<float>(grad_b));
  return dx;
}

}  // namespace llmrun::cpu
