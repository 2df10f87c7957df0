#include "engine/ops/attention_cpu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/ops/attention_heads.h"
#include "engine/ops/attention_rows.h"
#include "engine/ops/dispatch.h"
#include "engine/ops/gemm.h"

namespace llmrun {
namespace {

/// An fp32 copy of a head, [tokens, head_dim]: dense, so that the products run at full speed, and wide for bf16.
template <typename T>
void gather(Head<T> from, int64_t tokens, int64_t head_dim, float scale, std::vector<float>& to) {
  to.resize(tokens * head_dim);
  for (int64_t i = 0; i < tokens; ++i) widen_row(from.row(i), scale, to.data() + i * head_dim, head_dim);
}
template <typename T>
void scatter(const float* from, float scale, int64_t begin, int64_t rows, int64_t head_dim, Head<T> to) {
  for (int64_t i = 0; i < rows; ++i) narrow_row(from + i * head_dim, scale, to.row(begin + i), head_dim);
}

/// Zeros outside the keys that a query sees.
void clear_hidden(float* row, const Block& block, int64_t i) {
  std::fill(row, row + block.begin(i), 0.0F);
  std::fill(row + block.end(i), row + block.keys, 0.0F);
}

/// One thread's forward: the working set of a head, used again for the next one.
struct ForwardHead {
  std::vector<float> query, key, value;
  std::vector<float> scores = std::vector<float>(kRows * kKeys), out;
  std::array<float, kRows> largest, sum;

  /// Moves the block's scores to probabilities relative to the largest score so far, and what is in `out` along with it.
  void softmax(const Block& block, int64_t head_dim) {
    for (int64_t i = 0; i < block.rows; ++i) {
      float* row = scores.data() + i * block.keys;
      clear_hidden(row, block, i);
      float* seen = row + block.begin(i);
      const int64_t count = block.end(i) - block.begin(i);
      if (count == 0) continue;
      const float before = largest[i];
      largest[i] = std::max(before, max_of_row(seen, count));
      const float shrink = vector_exp(before - largest[i]);
      sum[i] = sum[i] * shrink + exponentiate_row(seen, largest[i], count);
      if (!block.is_first && shrink != 1.0F) scale_row(out.data() + i * head_dim, shrink, head_dim);
    }
  }

  template <typename T>
  void run(const VisibleKeys& visible, int64_t queries, int64_t d, Head<T> to, float* lse) {
    out.resize(kRows * d);
    for_each_tile(queries, [&](int64_t begin, int64_t rows) {
      largest.fill(-std::numeric_limits<float>::infinity());
      sum.fill(0);
      const bool any = for_each_block(visible, begin, rows, [&](const Block& block) {
        gemm(rows, block.keys, d, {query.data() + begin * d, d}, {key.data() + block.key * d, d, true}, 0, scores.data(), block.keys);
        softmax(block, d);
        gemm(rows, d, block.keys, {scores.data(), block.keys}, {value.data() + block.key * d, d}, block.is_first ? 0 : 1, out.data(), d);
      });
      if (!any) std::fill(out.begin(), out.end(), 0.0F);
      for (int64_t i = 0; i < rows; ++i) {
        scatter(out.data() + i * d, sum[i] > 0 ? 1.0F / sum[i] : 0.0F, begin + i, 1, d, to);
        lse[begin + i] = largest[i] + std::log(sum[i]);
      }
    });
  }
};

/// One thread's backward: a key head with all its query heads, whose gradients sum into the same keys and values in order.
struct BackwardGroup {
  std::vector<float> query, key, value, dout, dkey, dvalue;
  std::vector<float> scores = std::vector<float>(kRows * kKeys), dscores = std::vector<float>(kRows * kKeys), dquery;

  void begin(const AttentionSizes& sizes) {
    dkey.assign(sizes.keys * sizes.head_dim, 0.0F);
    dvalue.assign(sizes.keys * sizes.head_dim, 0.0F);
    dquery.resize(kRows * sizes.head_dim);
  }

  void block(const Block& b, int64_t d, const float* lse, const float* mean) {
    const Matrix queries{query.data() + b.row * d, d}, keys{key.data() + b.key * d, d}, values{value.data() + b.key * d, d};
    const Matrix douts{dout.data() + b.row * d, d}, p{scores.data(), b.keys}, ds{dscores.data(), b.keys};
    gemm(b.rows, b.keys, d, queries, transpose(keys), 0, scores.data(), b.keys);
    gemm(b.rows, b.keys, d, douts, transpose(values), 0, dscores.data(), b.keys);
    for (int64_t i = 0; i < b.rows; ++i) {
      float *score = scores.data() + i * b.keys, *dscore = dscores.data() + i * b.keys;
      clear_hidden(score, b, i);
      clear_hidden(dscore, b, i);
      const int64_t begin = b.begin(i);
      softmax_backward_row(score + begin, dscore + begin, lse[b.row + i], mean[b.row + i], b.end(i) - begin);
    }
    gemm(b.keys, d, b.rows, transpose(p), douts, 1, dvalue.data() + b.key * d, d);
    gemm(b.keys, d, b.rows, transpose(ds), queries, 1, dkey.data() + b.key * d, d);
    gemm(b.rows, d, b.keys, ds, keys, b.is_first ? 0 : 1, dquery.data(), d);
  }
};

}  // namespace

AttentionResult attention_forward_cpu(const AttentionHeads& heads, const AttentionMask& mask) {
  const AttentionSizes sizes(heads);
  AttentionResult result = empty_result(heads.query);
  float* lse = result.lse.mutable_data_ptr<float>();
  with_dtype(heads.query, [&]<typename T>(T) {
    at::parallel_for(0, sizes.batch * sizes.heads, 1, [&](int64_t first, int64_t last) {
      ForwardHead work;
      for (int64_t task = first; task < last; ++task) {
        const int64_t batch = task / sizes.heads, head = task % sizes.heads, kv_head = head / sizes.group;
        gather(head_of<T>(heads.query, batch, head), sizes.queries, sizes.head_dim, sizes.scale, work.query);
        gather(head_of<T>(heads.key, batch, kv_head), sizes.keys, sizes.head_dim, 1, work.key);
        gather(head_of<T>(heads.value, batch, kv_head), sizes.keys, sizes.head_dim, 1, work.value);
        work.run(VisibleKeys(mask, sizes, batch), sizes.queries, sizes.head_dim, mutable_head_of<T>(result.out, batch, head),
                 lse + task * sizes.queries);
      }
    });
  });
  return result;
}

void attention_backward_cpu(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                            const AttentionHeads& gradients) {
  const AttentionSizes sizes(heads);
  const int64_t d = sizes.head_dim;
  const float* lse = forward.lse.const_data_ptr<float>();
  with_dtype(heads.query, [&]<typename T>(T) {
    at::parallel_for(0, sizes.batch * sizes.kv_heads, 1, [&](int64_t first, int64_t last) {
      BackwardGroup work;
      std::vector<float> mean(sizes.queries);
      for (int64_t task = first; task < last; ++task) {
        const int64_t batch = task / sizes.kv_heads, kv_head = task % sizes.kv_heads;
        const VisibleKeys visible(mask, sizes, batch);
        work.begin(sizes);
        gather(head_of<T>(heads.key, batch, kv_head), sizes.keys, d, 1, work.key);
        gather(head_of<T>(heads.value, batch, kv_head), sizes.keys, d, 1, work.value);
        for (int64_t head = kv_head * sizes.group; head < (kv_head + 1) * sizes.group; ++head) {
          const auto head_out = head_of<T>(forward.out, batch, head), head_dout = head_of<T>(dout, batch, head);
          gather(head_of<T>(heads.query, batch, head), sizes.queries, d, sizes.scale, work.query);
          gather(head_dout, sizes.queries, d, 1, work.dout);
          for (int64_t i = 0; i < sizes.queries; ++i) mean[i] = dot_row(head_dout.row(i), head_out.row(i), d);
          for_each_tile(sizes.queries, [&](int64_t begin, int64_t rows) {
            const float* head_lse = lse + (batch * sizes.heads + head) * sizes.queries;
            const bool any = for_each_block(visible, begin, rows, [&](const Block& block) { work.block(block, d, head_lse, mean.data()); });
            if (!any) std::fill(work.dquery.begin(), work.dquery.end(), 0.0F);
            scatter(work.dquery.data(), sizes.scale, begin, rows, d, mutable_head_of<T>(gradients.query, batch, head));
          });
        }
        scatter(work.dkey.data(), 1, 0, sizes.keys, d, mutable_head_of<T>(gradients.key, batch, kv_head));
        scatter(work.dvalue.data(), 1, 0, sizes.keys, d, mutable_head_of<T>(gradients.value, batch, kv_head));
      }
    });
  });
}

}  // namespace llmrun
