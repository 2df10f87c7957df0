#include "engine/ops/attention_bf16.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/ops/attention_heads.h"
#include "engine/ops/attention_rows.h"
#include "engine/ops/bf16_product.h"

namespace llmrun {
namespace {

using at::BFloat16;

int64_t even(int64_t n) { return n + n % 2; }

/// y = e^(scale x - shift) rounded to bf16; returns the sum before rounding.
LLMRUN_SIMD float exponentiate_row_to(const float* __restrict x, float scale, float shift, BFloat16* __restrict y, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const float p = vector_exp(scale * x[i] - shift);
    y[i] = narrow<BFloat16>(p);
    sum += p;
  }
  return sum;
}

/// A key's row of scores and of dprobability, a query an element, becomes that key's probabilities and score gradients.
LLMRUN_SIMD void key_backward_row(const float* __restrict score, const float* __restrict dprobability, float scale,
                                  const float* __restrict lse, const float* __restrict mean, BFloat16* __restrict probability,
                                  BFloat16* __restrict dscore, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float p = vector_exp(scale * score[i] - lse[i]);
    probability[i] = narrow<BFloat16>(p);
    dscore[i] = narrow<BFloat16>(p * (dprobability[i] - mean[i]));
  }
}

/// One thread's forward: a head's packed keys and values, used again for the next head.
struct ForwardHead {
  explicit ForwardHead(const AttentionShape& s)
      : shape(s),
        keys(s.head_dim / 2 * s.seq),
        values(even(s.seq) / 2 * s.head_dim),
        scores(kRows * kKeys),
        out(kRows * s.head_dim),
        probabilities(kRows * kKeys) {}
  const AttentionShape& shape;
  std::vector<Pair> keys, values;  // of key^T and of value
  std::vector<float> scores, out;
  std::vector<BFloat16> probabilities;
  std::array<float, kRows> largest, sum;

  void softmax(const Block& block) {
    const float scale = static_cast<float>(shape.scale);
    for (int64_t i = 0; i < block.rows; ++i) {
      const float* row = scores.data() + i * block.keys;
      BFloat16* p = probabilities.data() + i * even(block.keys);
      const int64_t visible = block.visible(i);
      const float before = largest[i];
      largest[i] = std::max(before, scale * max_of_row(row, visible));
      const float shrink = vector_exp(before - largest[i]);
      sum[i] = sum[i] * shrink + exponentiate_row_to(row, scale, largest[i], p, visible);
      std::fill(p + visible, p + even(block.keys), BFloat16(0.0F));
      if (block.key > 0 && shrink != 1.0F) scale_row(out.data() + i * shape.head_dim, shrink, shape.head_dim);
    }
  }

  void run(Head<const BFloat16> query, Head<const BFloat16> key, Head<const BFloat16> value, Head<BFloat16> to, float* lse) {
    const int64_t d = shape.head_dim;
    pack_transposed(key.first, key.stride, shape.seq, d, keys.data());
    pack_rows(value.first, value.stride, shape.seq, d, values.data());
    for_each_tile(shape.seq, [&](int64_t begin, int64_t rows) {
      largest.fill(-std::numeric_limits<float>::infinity());
      sum.fill(0);
      for_each_block(begin, rows, [&](const Block& b) {
        bf16_product(rows, b.keys, d, query.row(begin), query.stride, keys.data() + b.key, shape.seq, false, scores.data(), b.keys);
        softmax(b);
        bf16_product(rows, d, even(b.keys), probabilities.data(), even(b.keys), values.data() + b.key / 2 * d, d, b.key > 0, out.data(), d);
      });
      for (int64_t i = 0; i < rows; ++i) {
        narrow_row(out.data() + i * d, 1.0F / sum[i], to.row(begin + i), d);
        lse[begin + i] = largest[i] + std::log(sum[i]);
      }
    });
  }
};

/// One thread's backward. Tiles are key-major, kRows keys against up to kKeys later queries, so that probabilities and their gradients
/// come out as the left operands of dvalue and dkey; dquery is summed transposed.
struct BackwardGroup {
  explicit BackwardGroup(const AttentionShape& s)
      : shape(s),
        d(s.head_dim),
        seq(s.seq),
        queries_transposed(d / 2 * seq),
        queries(even(seq) / 2 * d),
        douts_transposed(d / 2 * seq),
        douts(even(seq) / 2 * d),
        dscore_pairs(kRows / 2 * kKeys),
        keys_transposed(d * even(seq)),
        probabilities(kRows * kKeys),
        dscores(kRows * kKeys),
        scores(kRows * kKeys),
        dprobabilities(kRows * kKeys),
        dquery(d * seq),
        dkey(seq * d),
        dvalue(seq * d),
        mean(seq) {}
  const AttentionShape& shape;
  int64_t d, seq;
  std::vector<Pair> queries_transposed, queries, douts_transposed, douts, dscore_pairs;
  std::vector<BFloat16> keys_transposed;  // [head_dim, even seq]
  std::vector<BFloat16> probabilities, dscores;
  std::vector<float> scores, dprobabilities;
  std::vector<float> dquery;  // [head_dim, seq]
  std::vector<float> dkey, dvalue, mean;

  void begin_group(Head<const BFloat16> key) {
    std::fill(dkey.begin(), dkey.end(), 0.0F);
    std::fill(dvalue.begin(), dvalue.end(), 0.0F);
    for (int64_t i = 0; i < seq; ++i) {
      for (int64_t c = 0; c < d; ++c) keys_transposed[c * even(seq) + i] = key.row(i)[c];
    }
  }

  void begin_head(Head<const BFloat16> query, Head<const BFloat16> out, Head<const BFloat16> dout) {
    std::fill(dquery.begin(), dquery.end(), 0.0F);
    pack_transposed(query.first, query.stride, seq, d, queries_transposed.data());
    pack_rows(query.first, query.stride, seq, d, queries.data());
    pack_transposed(dout.first, dout.stride, seq, d, douts_transposed.data());
    pack_rows(dout.first, dout.stride, seq, d, douts.data());
    for (int64_t i = 0; i < seq; ++i) mean[i] = dot_row(dout.row(i), out.row(i), d);
  }

  /// Scores and dprobabilities [keys, queries] become bf16 probabilities and dscores, zero where the key is later than the query.
  void softmax(int64_t key, int64_t keys, int64_t query, int64_t count, const float* lse) {
    const int64_t wide = even(count);
    for (int64_t i = 0; i < keys; ++i) {
      const int64_t hidden = std::clamp<int64_t>(key + i - query, 0, count), at = i * count + hidden;
      BFloat16 *p = probabilities.data() + i * wide, *ds = dscores.data() + i * wide;
      std::fill(p, p + hidden, BFloat16(0.0F));
      std::fill(ds, ds + hidden, BFloat16(0.0F));
      key_backward_row(&scores[0] + at, &dprobabilities[0] + at, static_cast<float>(shape.scale), lse + query + hidden,
                       mean.data() + query + hidden, p + hidden, ds + hidden, count - hidden);
      std::fill(p + count, p + wide, BFloat16(0.0F));
      std::fill(ds + count, ds + wide, BFloat16(0.0F));
    }
    for (int64_t i = 0; i < keys; i += 2) {
      const BFloat16* ds = dscores.data() + i * wide;
      pair_rows(ds, i + 1 < keys ? ds + wide : nullptr, dscore_pairs.data() + i / 2 * count, count);
    }
  }

  void block(Head<const BFloat16> key_head, Head<const BFloat16> value_head, int64_t key, int64_t keys, int64_t query, int64_t count,
             const float* lse) {
    bf16_product(keys, count, d, key_head.row(key), key_head.stride, queries_transposed.data() + query, seq, false, scores.data(), count);
    bf16_product(keys, count, d, value_head.row(key), value_head.stride, douts_transposed.data() + query, seq, false, dprobabilities.data(),
                 count);
    softmax(key, keys, query, count, lse);
    const int64_t wide = even(count);
    bf16_product(keys, d, wide, probabilities.data(), wide, douts.data() + query / 2 * d, d, true, dvalue.data() + key * d, d);
    bf16_product(keys, d, wide, dscores.data(), wide, queries.data() + query / 2 * d, d, true, dkey.data() + key * d, d);
    bf16_product(d, count, even(keys), keys_transposed.data() + key, even(seq), dscore_pairs.data(), count, true, dquery.data() + query,
                 seq);
  }

  void write_query(Head<BFloat16> to) const {
    constexpr int64_t kAtOnce = 16;  // a cache line of each channel
    for (int64_t begin = 0; begin < seq; begin += kAtOnce) {
      const int64_t end = std::min(seq, begin + kAtOnce);
      for (int64_t c = 0; c < d; ++c) {
        for (int64_t i = begin; i < end; ++i) to.row(i)[c] = narrow<BFloat16>(static_cast<float>(shape.scale) * dquery[c * seq + i]);
      }
    }
  }

  void write_key_value(Head<BFloat16> key, Head<BFloat16> value) const {
    for (int64_t i = 0; i < seq; ++i) {
      narrow_row(dkey.data() + i * d, static_cast<float>(shape.scale), key.row(i), d);
      narrow_row(dvalue.data() + i * d, 1.0F, value.row(i), d);
    }
  }
};

}  // namespace

AttentionResult attention_forward_bf16(const at::Tensor& qkv, const AttentionShape& shape) {
  const int64_t columns = qkv.size(1), width = shape.heads * shape.head_dim, group = shape.heads / shape.kv_heads;
  AttentionResult result{at::empty({qkv.size(0), width}, qkv.options()),
                         at::empty({shape.batch, shape.heads, shape.seq}, qkv.options().dtype(at::kFloat))};
  const BFloat16* in = qkv.const_data_ptr<BFloat16>();
  BFloat16* out = result.out.mutable_data_ptr<BFloat16>();
  float* lse = result.lse.mutable_data_ptr<float>();
  at::parallel_for(0, shape.batch * shape.heads, 1, [&](int64_t first, int64_t last) {
    ForwardHead work(shape);
    for (int64_t task = first; task < last; ++task) {
      const int64_t batch = task / shape.heads, head = task % shape.heads;
      const Sample<const BFloat16> from = sample(in, columns, shape, batch);
      const Head<BFloat16> to = sample(out, width, shape, batch).query(head);
      work.run(from.query(head), from.key(head / group), from.value(head / group), to, lse + task * shape.seq);
    }
    release_bf16_product();
  });
  return result;
}

at::Tensor attention_backward_bf16(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward,
                                   const AttentionShape& shape) {
  const int64_t columns = qkv.size(1), width = shape.heads * shape.head_dim, group = shape.heads / shape.kv_heads;
  const BFloat16 *in = qkv.const_data_ptr<BFloat16>(), *out = forward.out.const_data_ptr<BFloat16>();
  const BFloat16* grad = dout.const_data_ptr<BFloat16>();
  const float* lse = forward.lse.const_data_ptr<float>();
  at::Tensor dqkv = at::empty_like(qkv);
  BFloat16* dqkv_data = dqkv.mutable_data_ptr<BFloat16>();
  at::parallel_for(0, shape.batch * shape.kv_heads, 1, [&](int64_t first, int64_t last) {
    BackwardGroup work(shape);
    for (int64_t task = first; task < last; ++task) {
      const int64_t batch = task / shape.kv_heads, kv_head = task % shape.kv_heads;
      const Sample<const BFloat16> from = sample(in, columns, shape, batch);
      const Sample<BFloat16> to = sample(dqkv_data, columns, shape, batch);
      const Head<const BFloat16> key = from.key(kv_head), value = from.value(kv_head);
      work.begin_group(key);
      for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
        work.begin_head(from.query(head), sample(out, width, shape, batch).query(head), sample(grad, width, shape, batch).query(head));
        const float* head_lse = lse + (batch * shape.heads + head) * shape.seq;
        for_each_tile(shape.seq, [&](int64_t begin, int64_t keys) {
          for (int64_t query = begin; query < shape.seq; query += kKeys) {
            work.block(key, value, begin, keys, query, std::min(kKeys, shape.seq - query), head_lse);
          }
        });
        work.write_query(to.query(head));
      }
      work.write_key_value(to.key(kv_head), to.value(kv_head));
    }
    release_bf16_product();
  });
  return dqkv;
}

}  // namespace llmrun
