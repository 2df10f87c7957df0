#include "launcher/plan/forecast.h"

#include "launcher/plan/pipeline_forecast.h"
#include "launcher/plan/warnings.h"
#include "tests/launcher/plan/plan_cases.h"

namespace llmrun {

TEST_CASE("ranks on CPUs share their host's memory, and a plan says where that is too little") {
  PlanInput crowded = input({{"parallel.pipeline", "2"}});
  crowded.allocation = {{{"n1", 1}, {"n2", 3}}, "--hostfile"};
  const Plan plan = make_plan(crowded);
  const Forecast costs = forecast(plan);
  const int64_t first = costs.stages[0].memory.total(), last = costs.stages[1].memory.total(), fullest = first + 2 * last;
  NodeShape node;
  CHECK(warnings_of(plan, costs, node).empty());  // nobody knows
  node.memory_bytes = fullest;
  CHECK(warnings_of(plan, costs, node).empty());
  node.memory_bytes = fullest - 1;
  const std::vector<std::string> lines = warnings_of(plan, costs, node);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("does not fit: 3 ranks want "));
  CHECK(lines[0].find("offload") == std::string::npos);  // of nothing else than this memory
}

TEST_CASE("what does nothing is said, and where shards leave their node") {
  struct Row {
    std::vector<std::pair<const char*, const char*>> sets;
    const char* says;
  };
  const auto tensor = std::pair("parallel.tensor", "4"), zero = std::pair("parallel.zero", "2");
  for (const Row& row : std::initializer_list<Row>{
           {{{"parallel.sequence", "megatron"}}, "parallel.sequence megatron slices nothing: parallel.tensor is 1\n"},
           {{{"parallel.sequence", "ulysses"}}, "parallel.sequence ulysses exchanges nothing: parallel.sequence_size is 1\n"},
           {{{"parallel.sequence", "megatron"}, tensor}, ""},
           {{{"parallel.sequence", "ulysses"}, {"parallel.sequence_size", "4"}}, ""},
           {{zero, {"parallel.shard_group", "4"}}, ""},
           {{zero, {"parallel.shard_group", "2"}}, ""},
           {{zero, {"parallel.shard_group", "8"}},
            "parallel.shard_group 8 does not stay inside a node: its ranks are 1 apart, and a node has 4 ranks; 4 would\n"},
           {{zero, tensor, {"parallel.shard_group", "4"}},
            "parallel.shard_group 4 does not stay inside a node: its ranks are 4 apart, and a node has 4 ranks\n"},
           {{{"optimizer.lr", "1e-4"}, {"optimizer.min_lr", "3e-4"}},
            "optimizer.min_lr 0.0003 is above optimizer.lr 0.0001: the rate ends higher than it was\n"},
           {{{"optimizer.lr", "1e-4"}, {"optimizer.min_lr", "3e-4"}, {"optimizer.schedule", "constant"}}, ""},
           {{{"optimizer.warmup_steps", "11"}},
            "optimizer.warmup_steps 11 are more than the run has, 10: the rate never reaches optimizer.lr\n"},
           {{{"optimizer.warmup_steps", "10"}}, ""},
       }) {
    PlanInput gpus = input(row.sets);
    gpus.node.gpus = 4;
    gpus.allocation = {{{"n1"}, {"n2"}, {"n3"}, {"n4"}}, "PBS_NODEFILE"};
    const Plan plan = make_plan(gpus);
    std::string said;
    for (const std::string& line : warnings_of(plan, forecast(plan), gpus.node)) said += line + "\n";
    CHECK(said == row.says);
  }
}

TEST_CASE("ZB-V's stages hold the model there and back, and one of them both copies of the tied embedding in one") {
  const Plan plan = make_plan(input({{"parallel.pipeline", "2"}, {"parallel.schedule", "zero_bubble_v"}}, 2));
  const Forecast costs = forecast(plan);
  CHECK(costs.stages[0].layers == std::vector{Interval{0, 2}, Interval{6, 8}});
  CHECK(costs.stages[1].layers == std::vector{Interval{2, 4}, Interval{4, 6}});
  CHECK(costs.stages[0].parameters + costs.stages[1].parameters == costs.parameters);
  CHECK(plan.name.ends_with("_vp2"));
}

TEST_CASE("a pipeline is simulated with all parts alike, and by the work of each") {
  const Plan plan = make_plan(input({{"parallel.pipeline", "4"}, {"train.accumulate", "8"}, {"parallel.schedule", "zero_bubble"}}, 4));
  const PipelineForecast forecast = pipeline_forecast(plan);
  CHECK(forecast.even.bubble() == doctest::Approx(forecast.formula.value()));
  double work = 0;
  for (const PartTimes& part : part_times(plan)) work += part.all();
  CHECK(work == doctest::Approx(flops_per_token(plan.model, plan.config.train.seq_len, Recompute::none, 0).model));
}

TEST_CASE("a forecast's stages hold the model") {
  const Plan plan = make_plan(input({{"parallel.pipeline", "3"}}, 3));
  const Forecast costs = forecast(plan);
  REQUIRE(costs.stages.size() == 3);
  CHECK(costs.stages[0].layers == std::vector{Interval{0, 3}});
  CHECK(costs.stages[2].layers == std::vector{Interval{6, 8}});
  int64_t sum = 0;
  for (const StageForecast& stage : costs.stages) sum += stage.parameters;
  CHECK(sum == costs.parameters + plan.model.vocab * plan.model.hidden);  // the last stage keeps a copy of the tied embedding
}

}  // namespace llmrun
