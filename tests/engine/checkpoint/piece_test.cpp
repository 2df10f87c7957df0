#include "engine/checkpoint/piece.h"

#include "engine/checkpoint/overlap.h"
#include "engine/core/philox.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

TEST_CASE("a slice and its name say the same") {
  const Slice slice{"model.layers.3.mlp.up_proj.weight", Kind::exp_avg_sq, 0, 0, {{8, 16}, {0, 64}}, {32, 512}};
  CHECK(slice_name(slice) == "exp_avg_sq/model.layers.3.mlp.up_proj.weight@8:16,0:64+32:512");
  REQUIRE(parse_slice_name(slice_name(slice)));
  CHECK(*parse_slice_name(slice_name(slice)) == slice);
}

TEST_CASE("what is not a slice's name is not taken for one") {
  for (const char* name : {"", "weight", "weight/x", "weight/x@", "weight/x@0:1", "weight/x@0:1,0:1", "weight/x@0:1,0:1+",
                           "weight/x@0:1,0:1+0:", "momentum/x@0:1,0:1+0:1", "weight/x@0:1,0:1+0:1 ",
                           "weight/x@0:1,0:1+0:99999999999999999999", "@weight/x", "weight/x@0;1,0:1+0:1"})
    CHECK_MESSAGE(!parse_slice_name(name), name);
}

/// Which elements of the whole tensor a slice holds, the slow way.
std::vector<int64_t> elements(const Slice& slice) {
  std::vector<int64_t> list;
  for (int64_t i = slice.flat.begin; i < slice.flat.end; ++i) {
    const int64_t width = slice.box.columns.size();
    list.push_back((slice.box.rows.begin + i / width) * slice.columns + slice.box.columns.begin + i % width);
  }
  return list;
}

class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}
  int64_t below(int64_t limit) { return philox(seed_, 0, next_++)[0] % limit; }
  Interval interval(int64_t size) {
    const int64_t a = below(size + 1), b = below(size + 1);
    return {std::min(a, b), std::max(a, b)};
  }
  Slice slice(int64_t rows, int64_t columns) {
    Slice slice{"x", Kind::weight, rows, columns, {interval(rows), interval(columns)}, {}};
    slice.flat = interval(slice.box.elements());
    return slice;
  }

 private:
  uint64_t seed_;
  uint64_t next_ = 0;
};

TEST_CASE("the overlap of two slices is the set of elements that both hold") {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    const int64_t rows = 1 + random.below(6), columns = 1 + random.below(6);
    const Slice from = random.slice(rows, columns), to = random.slice(rows, columns);
    const std::vector<int64_t> there = elements(from), wanted = elements(to);
    std::vector<int64_t> got(wanted.size(), -1), expected(wanted.size(), -1);
    for (size_t i = 0; i < wanted.size(); ++i)
      if (std::find(there.begin(), there.end(), wanted[i]) != there.end()) expected[i] = wanted[i];
    for_each_overlap(from, to, [&](int64_t source, int64_t target, int64_t count) {
      for (int64_t i = 0; i < count; ++i) got.at(static_cast<size_t>(target + i)) = there.at(static_cast<size_t>(source + i));
    });
    REQUIRE_MESSAGE(got == expected, "seed ", seed, ": ", slice_name(from), " and ", slice_name(to));
  }
}

}  // namespace
}  // namespace llmrun
