#include "engine/core/plan.h"

#include "tests/support/test.h"

namespace llmrun {
namespace {

Plan example() {
  Plan plan;
  plan.name = "gpt-tiny";
  plan.dir = "/runs/gpt tiny";
  plan.layout = {.tensor = 2, .data = 3, .pipeline = 2};
  plan.hosts = {{"n1", 8}, {"n2", 4}};
  plan.ranks_per_node = 8;
  plan.device = Device::cuda;
  plan.communicator = CommunicatorKind::tcp;
  plan.threads = 4;
  plan.steps = 100;
  plan.global_batch = 24;
  plan.accumulate = 4;
  plan.config.model.layers = 6;
  plan.config.model.hidden = 64;
  plan.config.model.heads = 4;
  plan.config.model.vocab = 257;
  plan.config.parallel.layers_per_stage = {2, 4};
  plan.config.train.seq_len = 128;
  plan.config.optimizer.min_lr = 1.0 / 3.0;
  plan.model = model_shape(plan.config.model, 128);
  return plan;
}

}  // namespace

TEST_CASE("a plan read back is the plan that was written") {
  const json document = to_json(example());
  const Plan again = plan_from_json(json::parse(document.dump()));
  CHECK(to_json(again).dump() == document.dump());
  CHECK(again.layout == example().layout);
  CHECK(again.model == example().model);
  CHECK(again.hosts == example().hosts);
  CHECK(again.config.optimizer.min_lr == example().config.optimizer.min_lr);
  CHECK(again.tokens_per_step() == 24 * 128);
}

TEST_CASE("a plan grows with its hosts, not with its ranks") {
  Plan plan = example();
  const size_t small = to_json(plan).dump().size();
  plan.layout.data = 30000;
  CHECK(to_json(plan).dump().size() < small + 20);
}

TEST_CASE("a plan that is not one is refused with the reason") {
  const json good = to_json(example());
  json other = good;
  other["version"] = 9;
  CHECK_THROWS_WITH_AS(plan_from_json(other), "plan.json has version 9, this llmrun-rank reads version 1", Error);
  other = good;
  other["ranks"] = 13;
  CHECK_THROWS_WITH_AS(plan_from_json(other), "plan.json: 13 ranks, but its layout makes 12", Error);
  other = good;
  other.erase("layout");
  CHECK_THROWS_AS(plan_from_json(other), Error);
  other = good;
  other["model"]["family"] = "bert";
  CHECK_THROWS_AS(plan_from_json(other), Error);
  for (const json& no_number : {json("many"), json(true), json(1e300), json(nullptr), json(UINT64_MAX)}) {
    other = good;
    other["steps"] = no_number;
    CHECK_THROWS_AS(plan_from_json(other), Error);
  }
  other = good;
  for (const char* axis : {"tensor", "sequence_size", "context", "data", "pipeline"}) other["layout"][axis] = 1 << 20;
  CHECK_THROWS_WITH_AS(plan_from_json(other), "plan.json is not a plan: its layout has more than 2^63 ranks", Error);
  other = good;
  other["model"]["head_dim"] = INT64_MAX;
  CHECK_THROWS_WITH_AS(plan_from_json(other), "plan.json is not a plan: model.head_dim 9223372036854775807 is out of range", Error);
}

}  // namespace llmrun
