#include "engine/core/memory.h"

#include <cmath>

#include "engine/core/parameters.h"
#include "tests/support/csv.h"
#include "tests/support/shapes.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

double formula(const std::string& name, double psi, double d) {
  if (name == "(6+12/d)*Psi") return (6 + 12 / d) * psi;
  if (name == "18*Psi") return 18 * psi;
  if (name == "(8+8/d)*Psi") return (8 + 8 / d) * psi;
  return 0;
}

}  // namespace

TEST_CASE("state bytes follow Megatron's table of distributed optimizers") {
  const ModelShape shape = gpt_shape(4, 256, 4, 8192, 128);
  const double psi = static_cast<double>(parameter_count(shape));
  int checked = 0;
  for (const test::CsvRow& row : test::read_csv("zero_memory.csv")) {
    const std::string& stage = row.at("stage");
    const bool bf16 = stage == "Megatron dist-opt bf16 params fp32 grads" || stage == "Megatron no dist-opt bf16/fp32";
    if (!bf16 && stage != "Megatron dist-opt fp32/fp32") continue;
    for (const int64_t data : {1, 2, 8, 64}) {
      CAPTURE(stage);
      CAPTURE(data);
      Layout layout{.data = data};
      ParallelConfig parallel;
      parallel.zero = stage == "Megatron no dist-opt bf16/fp32" ? 0 : 1;
      const double bytes = static_cast<double>(state_bytes(shape, layout, parallel, bf16 ? Precision::bf16 : Precision::fp32, 0).total());
      const double expected = formula(row.at("formula_bytes"), psi, static_cast<double>(data));
      CHECK(bytes >= expected);  // padding only adds
      CHECK(bytes <= expected * 1.002);
      ++checked;
    }
  }
  CHECK(checked == 12);
}

TEST_CASE("ZeRO-1 divides the moments and nothing else") {
  const ModelShape shape = gpt_shape(3, 96, 4, 501, 32);
  const Layout layout{.tensor = 2, .data = 3, .pipeline = 2};
  ParallelConfig parallel;
  parallel.tensor = 2;
  parallel.pipeline = 2;
  for (int64_t rank = 0; rank < layout.ranks(); ++rank) {
    parallel.zero = 0;
    const StateBytes whole = state_bytes(shape, layout, parallel, Precision::fp32, rank);
    parallel.zero = 1;
    const StateBytes shared = state_bytes(shape, layout, parallel, Precision::fp32, rank);
    int64_t shards = 0;
    const Coordinates where = coordinates(layout, rank);
    for (const UnitId& unit : stage_units(shape, {2}, where.pipeline, {}))
      shards += shard_elements(unit_parameters(shape, unit, {2, where.tensor, false, 2}).elements, 3);
    CHECK(shared.optimizer == 8 * shards);
    CHECK(whole.optimizer == 2 * whole.parameters);
    CHECK(shared.parameters == 12 * shards);  // whole, and padded to equal shards
    CHECK(shared.gradients == 12 * shards);
  }
}

TEST_CASE("the parts of all stages and tensor ranks together hold the model, the tied embedding twice") {
  const ModelShape shape = gpt_shape(5, 64, 4, 256, 32);
  const Layout layout{.tensor = 2, .pipeline = 2};
  int64_t bytes = 0;
  for (int64_t rank = 0; rank < 4; ++rank)
    bytes += state_bytes(shape, layout, {.tensor = 2, .pipeline = 2}, Precision::fp32, rank).parameters;
  const int64_t once = parameter_count(shape) * 4, embedding = shape.vocab * shape.hidden * 4;
  CHECK(bytes > once + embedding);  // norms and row biases stand on both tensor ranks
  CHECK(bytes < (once + embedding) * 1.05);
}

TEST_CASE("a checkpoint holds twelve bytes a parameter, whatever the layout") {
  const ModelShape shape = model_shape({.layers = 2, .hidden = 8, .heads = 2, .vocab = 16}, 16);
  CHECK(checkpoint_bytes(shape) == 12 * parameter_count(shape));
}

}  // namespace llmrun
