#include "engine/core/sequence_slice.h"

#include <numeric>
#include <set>

#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// Pairs of a query and a key that it may see.
int64_t pairs(const std::vector<Interval>& queries) {
  int64_t sum = 0;
  for (const Interval& interval : queries)
    for (int64_t position = interval.begin; position < interval.end; ++position) sum += position + 1;
  return sum;
}

}  // namespace

TEST_CASE("the slices of a sample tile it, equal in size") {
  for (const int64_t context : {1, 2, 3, 5})
    for (const int64_t ulysses : {1, 2, 3, 4, 6}) {
      const Layout layout{.sequence_size = ulysses, .context = context};
      const int64_t seq = 2 * sequence_multiple(layout);
      std::vector<int> seen(static_cast<size_t>(seq));
      for (int64_t rank = 0; rank < layout.ranks(); ++rank) {
        int64_t tokens = 0;
        for (const Interval& interval : sequence_slice(seq, layout, coordinates(layout, rank))) {
          tokens += interval.size();
          for (int64_t position = interval.begin; position < interval.end; ++position) ++seen[static_cast<size_t>(position)];
        }
        CHECK(tokens == slice_tokens(seq, layout));
      }
      CHECK(std::set<int>(seen.begin(), seen.end()) == std::set{1});
    }
}

TEST_CASE("every context rank has as many pairs of query and key") {
  const Layout layout{.context = 4};
  const int64_t seq = 64;
  for (int64_t rank = 0; rank < 4; ++rank) CHECK(pairs(context_slice(seq, layout, coordinates(layout, rank))) == seq * (seq + 1) / 2 / 4);
  CHECK(context_slice(seq, layout, {.context = 1}) == std::vector{Interval{8, 16}, Interval{48, 56}});
}

TEST_CASE("the pieces of Ulysses lie inside those of the ring, one after the other") {
  const Layout layout{.sequence_size = 2, .context = 2};
  CHECK(sequence_slice(16, layout, {.sequence = 0, .context = 1}) == std::vector{Interval{4, 8}});
  CHECK(sequence_slice(16, layout, {.sequence = 1, .context = 1}) == std::vector{Interval{8, 12}});
  const Layout thirds{.sequence_size = 3, .context = 2};
  CHECK(sequence_multiple(thirds) == 12);
  CHECK(sequence_slice(12, thirds, {.sequence = 1, .context = 0}) == std::vector{Interval{2, 3}, Interval{9, 10}});
}

TEST_CASE("what has to divide a sample") {
  CHECK(sequence_multiple({}) == 1);
  CHECK(sequence_multiple({.sequence_size = 3}) == 3);
  CHECK(sequence_multiple({.context = 3}) == 6);
  CHECK(sequence_multiple({.sequence_size = 4, .context = 3}) == 12);
}
