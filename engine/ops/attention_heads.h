#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/ops/attention.h"

namespace llmrun {

// How the CPU kernels walk the heads of a batch and the tiles of a head.

// A tile is kRows queries against at most kKeys keys, whose fp32 scores (256 KiB) stay in a core's L2 beside the head's keys and values.
inline constexpr int64_t kRows = 128;
inline constexpr int64_t kKeys = 512;

struct AttentionSizes {
  explicit AttentionSizes(const AttentionHeads& of);
  int64_t batch, queries, keys, heads, kv_heads, head_dim;
  int64_t group;  // query heads that read one key head
  float scale;
};

/// Room for the result of these queries.
AttentionResult empty_result(const at::Tensor& query);

/// One head's rows of one sample.
template <typename T>
struct Head {
  T* first;
  int64_t stride;
  T* row(int64_t position) const { return first + position * stride; }
};
/// Head `head` of sample `batch` in a view [batch, tokens, heads, head_dim].
template <typename T>
Head<const T> head_of(const at::Tensor& view, int64_t batch, int64_t head) {
  return {view.const_data_ptr<T>() + batch * view.stride(0) + head * view.stride(2), view.stride(1)};
}
template <typename T>
Head<T> mutable_head_of(const at::Tensor& view, int64_t batch, int64_t head) {
  return {view.mutable_data_ptr<T>() + batch * view.stride(0) + head * view.stride(2), view.stride(1)};
}

/// One sample's part of an AttentionMask.
class VisibleKeys {
 public:
  VisibleKeys(const AttentionMask& mask, const AttentionSizes& sizes, int64_t batch)
      : causal_(mask.causal),
        queries_(sizes.queries),
        keys_(sizes.keys),
        first_(mask.first.defined() ? mask.first.const_data_ptr<int64_t>() + batch * sizes.queries : nullptr) {}

  /// The keys that a query sees; both ends ascend with the query.
  int64_t first(int64_t query) const { return first_ != nullptr ? first_[query] : 0; }
  int64_t last(int64_t query) const { return causal_ ? query + 1 : keys_; }

  /// The queries that see a key; both ends ascend with the key.
  int64_t first_query(int64_t key) const { return causal_ ? key : 0; }
  int64_t last_query(int64_t key) const { return first_ != nullptr ? std::upper_bound(first_, first_ + queries_, key) - first_ : queries_; }

 private:
  bool causal_;
  int64_t queries_, keys_;
  const int64_t* first_;
};

/// A tile of queries and a block of keys, of which each query sees an interval that may be empty.
struct Block {
  int64_t row, rows, key, keys;
  bool is_first;  // of the tile
  const VisibleKeys& visible;
  int64_t begin(int64_t i) const { return std::clamp<int64_t>(visible.first(row + i) - key, 0, keys); }
  int64_t end(int64_t i) const { return std::clamp<int64_t>(visible.last(row + i) - key, begin(i), keys); }
};

template <typename F>
void for_each_tile(int64_t tokens, const F& f) {
  for (int64_t row = 0; row < tokens; row += kRows) f(row, std::min(kRows, tokens - row));
}
/// The blocks of which some query of the tile sees something. Returns whether there was one.
template <typename F>
bool for_each_block(const VisibleKeys& visible, int64_t row, int64_t rows, const F& f) {
  const int64_t begin = visible.first(row) / kKeys * kKeys, end = visible.last(row + rows - 1);
  for (int64_t key = begin; key < end; key += kKeys) f(Block{row, rows, key, std::min(kKeys, end - key), key == begin, visible});
  return begin < end;
}

}  // namespace llmrun
