#include "engine/ops/attention_cpu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

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

/// An fp32 copy of a head, [seq, head_dim]: dense, so that the products run at full speed, and wide for bf16.
template <typename T>
void gather(Head<T> from, const AttentionShape& shape, float scale, std::vector<float>& to) {
  to.resize(shape.seq * shape.head_dim);
  for (int64_t i = 0; i < shape.seq; ++i) widen_row(from.row(i), scale, to.data() + i * shape.head_dim, shape.head_dim);
}
template <typename T>
void scatter(const float* from, float scale, int64_t begin, int64_t rows, int64_t head_dim, Head<T> to) {
  for (int64_t i = 0; i < rows; ++i) narrow_row(from + i * head_dim, scale, to.row(begin + i), head_dim);
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
      const int64_t visible = block.visible(i);
      const float before = largest[i];
      largest[i] = std::max(before, max_of_row(row, visible));
      const float shrink = vector_exp(before - largest[i]);
      sum[i] = sum[i] * shrink + exponentiate_row(row, largest[i], visible);
      std::fill(row + visible, row + block.keys, 0.0F);
      if (block.key > 0 && shrink != 1.0F) scale_row(out.data() + i * head_dim, shrink, head_dim);
    }
  }

  template <typename T>
  void run(const AttentionShape& shape, Head<T> to, float* lse) {
    const int64_t d = shape.head_dim;
    out.resize(kRows * d);
    for_each_tile(shape.seq, [&](int64_t begin, int64_t rows) {
      largest.fill(-std::numeric_limits<float>::infinity());
      sum.fill(0);
      for_each_block(begin, rows, [&](const Block& block) {
        gemm(rows, block.keys, d, {query.data() + begin * d, d}, {key.data() + block.key * d, d, true}, 0, scores.data(), block.keys);
        softmax(block, d);
        gemm(rows, d, block.keys, {scores.data(), block.keys}, {value.data() + block.key * d, d}, block.key > 0, out.data(), d);
      });
      for (int64_t i = 0; i < rows; ++i) {
        scatter(out.data() + i * d, 1.0F / sum[i], begin + i, 1, d, to);
        lse[begin + i] = largest[i] + std::log(sum[i]);
      }
    });
  }
};

/// One thread's backward: a key head with all its query heads, whose gradients sum into the same keys and values in order.
struct BackwardGroup {
  std::vector<float> query, key, value, dout, dkey, dvalue;
  std::vector<float> scores = std::vector<float>(kRows * kKeys), dscores = std::vector<float>(kRows * kKeys), dquery;

  void begin(const AttentionShape& shape) {
    dkey.assign(shape.seq * shape.head_dim, 0.0F);
    dvalue.assign(shape.seq * shape.head_dim, 0.0F);
    dquery.resize(kRows * shape.head_dim);
  }

  void block(const Block& b, int64_t d, const float* lse, const float* mean) {
    const Matrix queries{query.data() + b.row * d, d}, keys{key.data() + b.key * d, d}, values{value.data() + b.key * d, d};
    const Matrix douts{dout.data() + b.row * d, d}, p{scores.data(), b.keys}, ds{dscores.data(), b.keys};
    gemm(b.rows, b.keys, d, queries, transpose(keys), 0, scores.data(), b.keys);
    gemm(b.rows, b.keys, d, douts, transpose(values), 0, dscores.data(), b.keys);
    for (int64_t i = 0; i < b.rows; ++i) {
      float *score = scores.data() + i * b.keys, *dscore = dscores.data() + i * b.keys;
      const int64_t visible = b.visible(i);
      softmax_backward_row(score, dscore, lse[b.row + i], mean[b.row + i], visible);
      std::fill(score + visible, score + b.keys, 0.0F);
      std::fill(dscore + visible, dscore + b.keys, 0.0F);
    }
    gemm(b.keys, d, b.rows, transpose(p), douts, 1, dvalue.data() + b.key * d, d);
    gemm(b.keys, d, b.rows, transpose(ds), queries, 1, dkey.data() + b.key * d, d);
    gemm(b.rows, d, b.keys, ds, keys, b.key > 0, dquery.data(), d);
  }
};

}  // namespace

AttentionResult attention_forward_cpu(const at::Tensor& qkv, const AttentionShape& shape) {
  const int64_t columns = qkv.size(1), width = shape.heads * shape.head_dim, group = shape.heads / shape.kv_heads;
  AttentionResult result{at::empty({qkv.size(0), width}, qkv.options()),
                         at::empty({shape.batch, shape.heads, shape.seq}, qkv.options().dtype(at::kFloat))};
  float* lse = result.lse.mutable_data_ptr<float>();
  with_dtype(qkv, [&]<typename T>(T) {
    const T* in = qkv.const_data_ptr<T>();
    T* out = result.out.mutable_data_ptr<T>();
    at::parallel_for(0, shape.batch * shape.heads, 1, [&](int64_t first, int64_t last) {
      ForwardHead work;
      for (int64_t task = first; task < last; ++task) {
        const int64_t batch = task / shape.heads, head = task % shape.heads;
        const Sample<const T> from = sample(in, columns, shape, batch);
        gather(from.query(head), shape, static_cast<float>(shape.scale), work.query);
        gather(from.key(head / group), shape, 1, work.key);
        gather(from.value(head / group), shape, 1, work.value);
        work.run(shape, sample(out, width, shape, batch).query(head), lse + task * shape.seq);
      }
    });
  });
  return result;
}

at::Tensor attention_backward_cpu(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward,
                                  const AttentionShape& shape) {
  const int64_t columns = qkv.size(1), width = shape.heads * shape.head_dim, group = shape.heads / shape.kv_heads, d = shape.head_dim;
  const float* lse = forward.lse.const_data_ptr<float>();
  const float scale = static_cast<float>(shape.scale);
  at::Tensor dqkv = at::empty_like(qkv);
  with_dtype(qkv, [&]<typename T>(T) {
    const T *in = qkv.const_data_ptr<T>(), *out = forward.out.const_data_ptr<T>(), *grad = dout.const_data_ptr<T>();
    T* dqkv_data = dqkv.mutable_data_ptr<T>();
    at::parallel_for(0, shape.batch * shape.kv_heads, 1, [&](int64_t first, int64_t last) {
      BackwardGroup work;
      std::vector<float> mean(shape.seq);
      for (int64_t task = first; task < last; ++task) {
        const int64_t batch = task / shape.kv_heads, kv_head = task % shape.kv_heads;
        const Sample<const T> from = sample(in, columns, shape, batch);
        const Sample<T> to = sample(dqkv_data, columns, shape, batch);
        work.begin(shape);
        gather(from.key(kv_head), shape, 1, work.key);
        gather(from.value(kv_head), shape, 1, work.value);
        for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
          const Head<const T> head_out = sample(out, width, shape, batch).query(head),
                              head_dout = sample(grad, width, shape, batch).query(head);
          gather(from.query(head), shape, scale, work.query);
          gather(head_dout, shape, 1, work.dout);
          for (int64_t i = 0; i < shape.seq; ++i) mean[i] = dot_row(head_dout.row(i), head_out.row(i), d);
          for_each_tile(shape.seq, [&](int64_t begin, int64_t rows) {
            const float* head_lse = lse + (batch * shape.heads + head) * shape.seq;
            for_each_block(begin, rows, [&](const Block& block) { work.block(block, d, head_lse, mean.data()); });
            scatter(work.dquery.data(), scale, begin, rows, d, to.query(head));
          });
        }
        scatter(work.dkey.data(), 1, 0, shape.seq, d, to.key(kv_head));
        scatter(work.dvalue.data(), 1, 0, shape.seq, d, to.value(kv_head));
      }
    });
  });
  return dqkv;
}

}  // namespace llmrun
