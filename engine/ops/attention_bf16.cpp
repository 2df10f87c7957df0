#include "engine/ops/attention_bf16.h"

#include <ATen/Parallel.h>

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
  explicit ForwardHead(const AttentionSizes& s)
      : sizes(s),
        keys(s.head_dim / 2 * s.keys),
        values(even(s.keys) / 2 * s.head_dim),
        scores(kRows * kKeys),
        out(kRows * s.head_dim),
        probabilities(kRows * kKeys) {}
  const AttentionSizes& sizes;
  std::vector<Pair> keys, values;  // of key^T and of value
  std::vector<float> scores, out;
  std::vector<BFloat16> probabilities;
  std::array<float, kRows> largest, sum;

  void softmax(const Block& block) {
    for (int64_t i = 0; i < block.rows; ++i) {
      const int64_t begin = block.begin(i), end = block.end(i);
      const float* seen = scores.data() + i * block.keys + begin;
      BFloat16* p = probabilities.data() + i * even(block.keys);
      std::fill(p, p + begin, BFloat16(0.0F));
      std::fill(p + end, p + even(block.keys), BFloat16(0.0F));
      if (begin == end) continue;
      const float before = largest[i];
      largest[i] = std::max(before, sizes.scale * max_of_row(seen, end - begin));
      const float shrink = vector_exp(before - largest[i]);
      sum[i] = sum[i] * shrink + exponentiate_row_to(seen, sizes.scale, largest[i], p + begin, end - begin);
      if (!block.is_first && shrink != 1.0F) scale_row(out.data() + i * sizes.head_dim, shrink, sizes.head_dim);
    }
  }

  void run(const VisibleKeys& visible, Head<const BFloat16> query, Head<const BFloat16> key, Head<const BFloat16> value, Head<BFloat16> to,
           float* lse) {
    const int64_t d = sizes.head_dim;
    pack_transposed(key.first, key.stride, sizes.keys, d, keys.data());
    pack_rows(value.first, value.stride, sizes.keys, d, values.data());
    for_each_tile(sizes.queries, [&](int64_t begin, int64_t rows) {
      largest.fill(-std::numeric_limits<float>::infinity());
      sum.fill(0);
      const bool any = for_each_block(visible, begin, rows, [&](const Block& b) {
        bf16_product(rows, b.keys, d, query.row(begin), query.stride, keys.data() + b.key, sizes.keys, false, scores.data(), b.keys);
        softmax(b);
        bf16_product(rows, d, even(b.keys), probabilities.data(), even(b.keys), values.data() + b.key / 2 * d, d, !b.is_first, out.data(),
                     d);
      });
      if (!any) std::fill(out.begin(), out.end(), 0.0F);
      for (int64_t i = 0; i < rows; ++i) {
        narrow_row(out.data() + i * d, sum[i] > 0 ? 1.0F / sum[i] : 0.0F, to.row(begin + i), d);
        lse[begin + i] = largest[i] + std::log(sum[i]);
      }
    });
  }
};

/// One thread's backward. Tiles are key-major, kRows keys against up to kKeys of the queries that see one of them, so that probabilities
/// and their gradients come out as the left operands of dvalue and dkey; dquery is summed transposed.
struct BackwardGroup {
  explicit BackwardGroup(const AttentionSizes& s)
      : sizes(s),
        d(s.head_dim),
        queries_transposed(d / 2 * s.queries),
        queries(even(s.queries) / 2 * d),
        douts_transposed(d / 2 * s.queries),
        douts(even(s.queries) / 2 * d),
        dscore_pairs(kRows / 2 * kKeys),
        keys_transposed(d * even(s.keys)),
        probabilities(kRows * kKeys),
        dscores(kRows * kKeys),
        scores(kRows * kKeys),
        dprobabilities(kRows * kKeys),
        dquery(d * s.queries),
        dkey(s.keys * d),
        dvalue(s.keys * d),
        mean(s.queries) {}
  const AttentionSizes& sizes;
  int64_t d;
  std::vector<Pair> queries_transposed, queries, douts_transposed, douts, dscore_pairs;
  std::vector<BFloat16> keys_transposed;  // [head_dim, even keys]
  std::vector<BFloat16> probabilities, dscores;
  std::vector<float> scores, dprobabilities;
  std::vector<float> dquery;  // [head_dim, queries]
  std::vector<float> dkey, dvalue, mean;

  void begin_group(Head<const BFloat16> key) {
    std::fill(dkey.begin(), dkey.end(), 0.0F);
    std::fill(dvalue.begin(), dvalue.end(), 0.0F);
    for (int64_t i = 0; i < sizes.keys; ++i) {
      for (int64_t c = 0; c < d; ++c) keys_transposed[c * even(sizes.keys) + i] = key.row(i)[c];
    }
  }

  void begin_head(Head<const BFloat16> query, Head<const BFloat16> out, Head<const BFloat16> dout) {
    std::fill(dquery.begin(), dquery.end(), 0.0F);
    pack_transposed(query.first, query.stride, sizes.queries, d, queries_transposed.data());
    pack_rows(query.first, query.stride, sizes.queries, d, queries.data());
    pack_transposed(dout.first, dout.stride, sizes.queries, d, douts_transposed.data());
    pack_rows(dout.first, dout.stride, sizes.queries, d, douts.data());
    for (int64_t i = 0; i < sizes.queries; ++i) mean[i] = dot_row(dout.row(i), out.row(i), d);
  }

  /// Scores and dprobabilities [keys, queries] become bf16 probabilities and dscores, zero where the query does not see the key.
  void softmax(const VisibleKeys& visible, int64_t key, int64_t keys, int64_t query, int64_t count, const float* lse) {
    const int64_t wide = even(count);
    for (int64_t i = 0; i < keys; ++i) {
      const int64_t begin = std::clamp<int64_t>(visible.first_query(key + i) - query, 0, count);
      const int64_t end = std::clamp<int64_t>(visible.last_query(key + i) - query, begin, count), at = i * count + begin;
      BFloat16 *p = probabilities.data() + i * wide, *ds = dscores.data() + i * wide;
      std::fill(p, p + begin, BFloat16(0.0F));
      std::fill(ds, ds + begin, BFloat16(0.0F));
      key_backward_row(&scores[0] + at, &dprobabilities[0] + at, sizes.scale, lse + query + begin, mean.data() + query + begin, p + begin,
                       ds + begin, end - begin);
      std::fill(p + end, p + wide, BFloat16(0.0F));
      std::fill(ds + end, ds + wide, BFloat16(0.0F));
    }
    for (int64_t i = 0; i < keys; i += 2) {
      const BFloat16* ds = dscores.data() + i * wide;
      pair_rows(ds, i + 1 < keys ? ds + wide : nullptr, dscore_pairs.data() + i / 2 * count, count);
    }
  }

  void block(const VisibleKeys& visible, Head<const BFloat16> key_head, Head<const BFloat16> value_head, int64_t key, int64_t keys,
             int64_t query, int64_t count, const float* lse) {
    const int64_t all = sizes.queries;
    bf16_product(keys, count, d, key_head.row(key), key_head.stride, queries_transposed.data() + query, all, false, scores.data(), count);
    bf16_product(keys, count, d, value_head.row(key), value_head.stride, douts_transposed.data() + query, all, false, dprobabilities.data(),
                 count);
    softmax(visible, key, keys, query, count, lse);
    const int64_t wide = even(count);
    bf16_product(keys, d, wide, probabilities.data(), wide, douts.data() + query / 2 * d, d, true, dvalue.data() + key * d, d);
    bf16_product(keys, d, wide, dscores.data(), wide, queries.data() + query / 2 * d, d, true, dkey.data() + key * d, d);
    bf16_product(d, count, even(keys), keys_transposed.data() + key, even(sizes.keys), dscore_pairs.data(), count, true,
                 dquery.data() + query, all);
  }

  void write_query(Head<BFloat16> to) const {
    constexpr int64_t kAtOnce = 16;  // a cache line of each channel
    for (int64_t begin = 0; begin < sizes.queries; begin += kAtOnce) {
      const int64_t end = std::min(sizes.queries, begin + kAtOnce);
      for (int64_t c = 0; c < d; ++c) {
        for (int64_t i = begin; i < end; ++i) to.row(i)[c] = narrow<BFloat16>(sizes.scale * dquery[c * sizes.queries + i]);
      }
    }
  }

  void write_key_value(Head<BFloat16> key, Head<BFloat16> value) const {
    for (int64_t i = 0; i < sizes.keys; ++i) {
      narrow_row(dkey.data() + i * d, sizes.scale, key.row(i), d);
      narrow_row(dvalue.data() + i * d, 1.0F, value.row(i), d);
    }
  }
};

}  // namespace

AttentionResult attention_forward_bf16(const AttentionHeads& heads, const AttentionMask& mask) {
  const AttentionSizes sizes(heads);
  AttentionResult result = empty_result(heads.query);
  float* lse = result.lse.mutable_data_ptr<float>();
  at::parallel_for(0, sizes.batch * sizes.heads, 1, [&](int64_t first, int64_t last) {
    ForwardHead work(sizes);
    for (int64_t task = first; task < last; ++task) {
      const int64_t batch = task / sizes.heads, head = task % sizes.heads, kv_head = head / sizes.group;
      work.run(VisibleKeys(mask, sizes, batch), head_of<BFloat16>(heads.query, batch, head), head_of<BFloat16>(heads.key, batch, kv_head),
               head_of<BFloat16>(heads.value, batch, kv_head), mutable_head_of<BFloat16>(result.out, batch, head),
               lse + task * sizes.queries);
    }
    release_bf16_product();
  });
  return result;
}

void attention_backward_bf16(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                             const AttentionHeads& gradients) {
  const AttentionSizes sizes(heads);
  const float* lse = forward.lse.const_data_ptr<float>();
  at::parallel_for(0, sizes.batch * sizes.kv_heads, 1, [&](int64_t first, int64_t last) {
    BackwardGroup work(sizes);
    for (int64_t task = first; task < last; ++task) {
      const int64_t batch = task / sizes.kv_heads, kv_head = task % sizes.kv_heads;
      const VisibleKeys visible(mask, sizes, batch);
      const auto key = head_of<BFloat16>(heads.key, batch, kv_head), value = head_of<BFloat16>(heads.value, batch, kv_head);
      work.begin_group(key);
      for (int64_t head = kv_head * sizes.group; head < (kv_head + 1) * sizes.group; ++head) {
        work.begin_head(head_of<BFloat16>(heads.query, batch, head), head_of<BFloat16>(forward.out, batch, head),
                        head_of<BFloat16>(dout, batch, head));
        const float* head_lse = lse + (batch * sizes.heads + head) * sizes.queries;
        for_each_tile(sizes.keys, [&](int64_t begin, int64_t keys) {
          const int64_t end = visible.last_query(begin + keys - 1);
          for (int64_t query = visible.first_query(begin); query < end; query += kKeys) {
            work.block(visible, key, value, begin, keys, query, std::min(kKeys, end - query), head_lse);
          }
        });
        work.write_query(mutable_head_of<BFloat16>(gradients.query, batch, head));
      }
      work.write_key_value(mutable_head_of<BFloat16>(gradients.key, batch, kv_head),
                           mutable_head_of<BFloat16>(gradients.value, batch, kv_head));
    }
    release_bf16_product();
  });
}

}  // namespace llmrun
