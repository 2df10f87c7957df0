#pragma once
#include <algorithm>
#include <cstdint>

#include "engine/ops/attention.h"

namespace llmrun {

// How the CPU kernels walk the heads of a batch and the causal tiles of a head.

// A tile is kRows queries against at most kKeys keys, whose fp32 scores (256 KiB) stay in a core's L2 beside the head's keys and values.
// kRows divides kKeys, so that a block of keys never begins after the tile's first query.
inline constexpr int64_t kRows = 128;
inline constexpr int64_t kKeys = 512;

/// One head's columns in one sample's rows of a [batch seq, columns] tensor.
template <typename T>
struct Head {
  T* first;
  int64_t stride;
  T* row(int64_t position) const { return first + position * stride; }
};

/// The heads of one sample, by number: queries, then keys, then values.
template <typename T>
struct Sample {
  T* first;
  int64_t columns;
  const AttentionShape& shape;
  Head<T> query(int64_t head) const { return {first + head * shape.head_dim, columns}; }
  Head<T> key(int64_t kv_head) const { return query(shape.heads + kv_head); }
  Head<T> value(int64_t kv_head) const { return query(shape.heads + shape.kv_heads + kv_head); }
};
template <typename T>
Sample<T> sample(T* data, int64_t columns, const AttentionShape& shape, int64_t batch) {
  return {data + batch * shape.seq * columns, columns, shape};
}

/// A tile and a block of keys: which queries, which keys, and how many of the keys each query may see.
struct Block {
  int64_t row, rows, key, keys;
  int64_t visible(int64_t i) const { return std::min(keys, row + i + 1 - key); }
};

template <typename F>
void for_each_tile(int64_t seq, const F& f) {
  for (int64_t row = 0; row < seq; row += kRows) f(row, std::min(kRows, seq - row));
}
template <typename F>
void for_each_block(int64_t row, int64_t rows, const F& f) {
  for (int64_t key = 0; key < row + rows; key += kKeys) f(Block{row, rows, key, std::min(kKeys, row + rows - key)});
}

}  // namespace llmrun
