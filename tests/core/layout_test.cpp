#include "engine/core/layout.h"

#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("a rank's coordinates lead back to it, tensor fastest and pipeline slowest") {
  const Layout layout{.tensor = 3, .sequence_size = 2, .context = 2, .data = 5, .pipeline = 4};
  CHECK(layout.ranks() == 240);
  for (int64_t rank = 0; rank < layout.ranks(); ++rank) CHECK(rank_of(layout, coordinates(layout, rank)) == rank);
  CHECK(coordinates(layout, 1).tensor == 1);
  CHECK(coordinates(layout, 3).sequence == 1);
  CHECK(coordinates(layout, 6).context == 1);
  CHECK(coordinates(layout, 12).data == 1);
  CHECK(coordinates(layout, 60).pipeline == 1);
}

TEST_CASE("groups of an axis split 100,000 ranks into parts that do not meet") {
  const Layout layout{.tensor = 8, .data = 250, .pipeline = 50};
  for (Axis axis : kAxes) {
    for (int64_t rank : {int64_t{0}, int64_t{77'777}, layout.ranks() - 1}) {
      const std::vector<int64_t> members = group(layout, rank, {axis});
      CHECK(static_cast<int64_t>(members.size()) == layout.size(axis));
      for (int64_t member : members) CHECK(group(layout, member, {axis}) == members);
    }
  }
  CHECK(group(layout, 5, {Axis::data, Axis::context, Axis::sequence}).size() == 250);
}

TEST_CASE("parts tile the whole, the first ones larger by one") {
  for (int64_t total : {0, 1, 7, 64, 257})
    for (int64_t parts : {1, 2, 3, 8}) {
      int64_t end = 0;
      for (int64_t i = 0; i < parts; ++i) {
        CHECK(part(total, parts, i).begin == end);
        end = part(total, parts, i).end;
        CHECK(part(total, parts, i).size() == total / parts + (i < total % parts ? 1 : 0));
      }
      CHECK(end == total);
    }
  CHECK(part_layers(7, 3, 0, {}) == Interval{0, 3});
  CHECK(part_layers(7, 3, 2, {1, 2, 4}) == Interval{3, 7});
}
