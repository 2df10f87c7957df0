#pragma once
#include <optional>

namespace llmrun {

// The pairs of neighbours on a ring of two or more ranks, in rounds in which no rank has two: pair p is of the ranks p and p + 1. First
// every second pair, then those between, and last the pair that closes a ring of odd size. Two ranks are one pair.

constexpr int ring_rounds(int size) { return size == 2 ? 1 : 2 + size % 2; }

constexpr int round_of_pair(int pair, int size) { return size % 2 == 1 && pair == size - 1 ? 2 : pair % 2; }

/// The pair that this rank has in this round, if any.
constexpr std::optional<int> ring_pair(int rank, int size, int round) {
  const int pairs = size == 2 ? 1 : size;
  for (const int pair : {rank, (rank + size - 1) % size})
    if (pair < pairs && round_of_pair(pair, size) == round) return pair;
  return std::nullopt;
}

}  // namespace llmrun
