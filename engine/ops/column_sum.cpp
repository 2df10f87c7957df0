#include "engine/ops/column_sum.h"

#include <ATen/Parallel.h>

#include <vector>

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"
#include "engine/ops/dispatch.h"
#include "engine/ops/simd.h"

namespace llmrun {
namespace {

template <typename T>
LLMRUN_SIMD void add_rows(const T* x, int64_t rows, int64_t columns, float* total) {
  for (int64_t row = 0; row < rows; ++row) {
    const T* values = x + row * columns;
    for (int64_t i = 0; i < columns; ++i) total[i] += widen(values[i]);
  }
}

}  // namespace

void add_partials(const float* partials, int64_t blocks, int64_t n, bool accumulate, float* total) {
  if (!accumulate) std::fill_n(total, n, 0.0F);
  add_rows(partials, blocks, n, total);
}

void add_column_sums(const at::Tensor& x, const at::Tensor& total, bool accumulate) {
  x.is_cpu() ? cpu::add_column_sums(x, total, accumulate) : aten::add_column_sums(x, total, accumulate);
}

void cpu::add_column_sums(const at::Tensor& x, const at::Tensor& total, bool accumulate) {
  const int64_t columns = x.size(1);
  const TokenBlocks blocks{x.size(0)};
  std::vector<float> partials(blocks.count() * columns, 0.0F);
  with_dtype(x, [&]<typename T>(T) {
    const T* values = x.const_data_ptr<T>();
    at::parallel_for(0, blocks.count(), 1, [&](int64_t first, int64_t last) {
      for (int64_t block = first; block < last; ++block) {
        add_rows(values + blocks.begin(block) * columns, blocks.end(block) - blocks.begin(block), columns, &partials[block * columns]);
      }
    });
  });
  add_partials(partials.data(), blocks.count(), columns, accumulate, total.mutable_data_ptr<float>());
}

}  // namespace llmrun
