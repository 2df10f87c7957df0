#pragma once
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

namespace llmrun {

/// How a sum over tokens is cut so that its order does not depend on the number of threads: blocks of `rows` tokens, each summed in
/// order by one thread into its own partial, and the partials added in order. At most 64 blocks, so partials stay small.
struct TokenBlocks {
  int64_t tokens;
  int64_t rows = std::max<int64_t>(16, (tokens + 63) / 64);
  int64_t count() const { return (tokens + rows - 1) / rows; }
  int64_t begin(int64_t block) const { return block * rows; }
  int64_t end(int64_t block) const { return std::min(tokens, (block + 1) * rows); }
};

/// total[i] (or, without `accumulate`, zero) plus partials[0][i] + partials[1][i] + ...; partials: [blocks, n].
void add_partials(const float* partials, int64_t blocks, int64_t n, bool accumulate, float* total);

/// total (fp32 [columns]) becomes, or with `accumulate` grows by, the sums over the rows of x ([tokens, columns], fp32 or bf16).
void add_column_sums(const at::Tensor& x, const at::Tensor& total, bool accumulate);

}  // namespace llmrun
