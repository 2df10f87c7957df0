#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "engine/ops/cpu.h"
#include "engine/ops/dispatch.h"
#include "engine/ops/simd.h"

namespace llmrun::cpu {
namespace {

template <typename T>
LLMRUN_SIMD void add_row(const T* __restrict x, int64_t n, float* __restrict total) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) total[i] += widen(x[i]);
}

}  // namespace

at::Tensor embed(const at::Tensor& ids, const at::Tensor& w, Interval rows) {
  const int64_t tokens = ids.numel(), hidden = w.size(1);
  at::Tensor y = at::empty({tokens, hidden}, w.options());
  const int64_t* id = ids.const_data_ptr<int64_t>();
  with_dtype(w, [&]<typename T>(T) {
    const T* table = w.const_data_ptr<T>();
    T* out = y.mutable_data_ptr<T>();
    at::parallel_for(0, tokens, 64, [&](int64_t begin, int64_t end) {
      for (int64_t token = begin; token < end; ++token) {
        const bool here = id[token] >= rows.begin && id[token] < rows.end;
        if (here) std::copy_n(table + (id[token] - rows.begin) * hidden, hidden, out + token * hidden);
        if (!here) std::fill_n(out + token * hidden, hidden, T(0));
      }
    });
  });
  return y;
}

void embed_backward(const at::Tensor& ids, const at::Tensor& dy, const at::Tensor& grad_w, Interval rows) {
  const int64_t tokens = ids.numel(), hidden = dy.size(1);
  const int64_t* id = ids.const_data_ptr<int64_t>();
  float* grad = grad_w.mutable_data_ptr<float>();
  with_dtype(dy, [&]<typename T>(T) {
    const T* values = dy.const_data_ptr<T>();
    // Threads share out the rows of the table, not the tokens: no two write to one row, and each row sees its tokens in order.
    at::parallel_for(rows.begin, rows.end, 256, [&](int64_t begin, int64_t end) {
      for (int64_t token = 0; token < tokens; ++token) {
        if (id[token] < begin || id[token] >= end) continue;
        add_row(values + token * hidden, hidden, grad + (id[token] - rows.begin) * hidden);
      }
    });
  });
}

}  // namespace llmrun::cpu
