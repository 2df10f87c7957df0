#include "engine/core/recompute.h"

#include <algorithm>

#include "tests/support/shapes.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// 'r' for each block of a stage that is computed again, '.' for one that is not, '-' for embedding and head.
std::string drawn(int64_t blocks, std::optional<int64_t> layers) {
  ParallelConfig parallel;
  parallel.recompute = Recompute::selective;
  parallel.recompute_layers = layers;
  const std::vector<UnitId> units = stage_units(gpt_shape(blocks, 64, 4, 100, 16), {}, 0, {});
  std::string text;
  const std::vector<Recompute> how = unit_recompute(units, parallel);
  for (size_t i = 0; i < units.size(); ++i)
    text += units[i].kind != UnitKind::block ? (how[i] == Recompute::none ? '-' : '!') : how[i] == Recompute::selective ? 'r' : '.';
  return text;
}

}  // namespace

TEST_CASE("layers that are computed again are spread evenly over a stage") {
  CHECK(drawn(4, {}) == "-rrrr-");
  CHECK(drawn(4, 0) == "-....-");
  CHECK(drawn(4, 2) == "-r.r.-");
  CHECK(drawn(6, 2) == "-r..r..-");
  CHECK(drawn(4, 9) == "-rrrr-");
  for (int64_t blocks = 1; blocks < 12; ++blocks)
    for (int64_t layers = 0; layers <= blocks; ++layers) {
      const std::string text = drawn(blocks, layers);
      CHECK(std::count(text.begin(), text.end(), 'r') == layers);
    }
}

TEST_CASE("each stage computes its own layers again") {
  ParallelConfig parallel;
  parallel.recompute = Recompute::full;
  parallel.recompute_layers = 2;
  CHECK(recomputed_layers(gpt_shape(7, 64, 4, 100, 16), {.pipeline = 3}, parallel) == 6);
  parallel.layers_per_stage = {1, 3, 3};
  CHECK(recomputed_layers(gpt_shape(7, 64, 4, 100, 16), {.pipeline = 3}, parallel) == 5);
}
