#include "engine/core/pipeline/schedule.h"

#include <algorithm>
#include <map>

#include "tests/support/test.h"

using namespace llmrun;
using Kind = StageAction::Kind;

namespace {

struct Row {
  Schedule schedule;
  int64_t chunks;
};
constexpr Row kRows[] = {{Schedule::gpipe, 1},       {Schedule::one_f_one_b, 1}, {Schedule::interleaved, 2},
                         {Schedule::interleaved, 3}, {Schedule::zero_bubble, 1}, {Schedule::zero_bubble_v, 2}};

PipelineSchedule made(const Row& row, int64_t stages, int64_t micro_batches) {
  ParallelConfig parallel;
  parallel.schedule = row.schedule;
  parallel.virtual_pipeline = row.chunks;
  return pipeline_schedule(row.schedule, pipeline_placement({.pipeline = stages}, parallel), micro_batches);
}

std::string words(const std::vector<StageAction>& actions) {
  std::string text;
  for (const StageAction& action : actions) text += (text.empty() ? "" : " ") + spelling(action);
  return text;
}

}  // namespace

TEST_CASE("every stage runs each forward and each backward of each of its chunks once, and micro-batches in order") {
  for (const Row& row : kRows)
    for (int64_t stages : {1, 2, 3, 4, 7})
      for (int64_t micro_batches : {1, 2, 3, 8, 21}) {
        if (row.schedule == Schedule::interleaved && micro_batches % stages != 0) continue;
        for (const auto& actions : made(row, stages, micro_batches).stages) {
          std::map<std::pair<Kind, int64_t>, int64_t> next;  // by kind and chunk
          for (const StageAction& action : actions) {
            CHECK(action.micro_batch == next[{action.kind, action.chunk}]++);
            const auto before = [&](Kind kind) { return next[{kind, action.chunk}] > action.micro_batch; };
            if (action.kind == Kind::backward || action.kind == Kind::backward_input) CHECK(before(Kind::forward));
            if (action.kind == Kind::backward_weight) CHECK(before(Kind::backward_input));
          }
          const bool split = row.schedule == Schedule::zero_bubble || row.schedule == Schedule::zero_bubble_v;
          for (int64_t chunk = 0; chunk < row.chunks; ++chunk) {
            CHECK(next[{Kind::forward, chunk}] == micro_batches);
            CHECK(next[{Kind::backward, chunk}] == (split ? 0 : micro_batches));
            CHECK(next[{Kind::backward_input, chunk}] == (split ? micro_batches : 0));
            CHECK(next[{Kind::backward_weight, chunk}] == (split ? micro_batches : 0));
          }
        }
      }
}

TEST_CASE("what a stage holds at most: GPipe all, 1F1B the stages behind it, zero bubble no more than 1F1B's first stage") {
  for (int64_t stages : {1, 2, 3, 4, 8})
    for (int64_t micro_batches : {1, 2, 3, 8, 32})
      for (int64_t stage = 0; stage < stages; ++stage) {
        const auto peak = [&](const Row& row) {
          return peak_micro_batches(made(row, stages, micro_batches).stages[static_cast<size_t>(stage)]);
        };
        CHECK(peak({Schedule::gpipe, 1}) == micro_batches);
        CHECK(peak({Schedule::one_f_one_b, 1}) == std::min(stages - stage, micro_batches));
        CHECK(peak({Schedule::zero_bubble, 1}) == std::min(stages, micro_batches));
        CHECK(peak({Schedule::zero_bubble_v, 2}) <= 2 * std::min(stages, micro_batches));  // halves of what a stage has
        if (micro_batches % stages == 0)  // Narayanan et al. 2021, section 2.2.2: 1 + (p - 1) / (p v) of 1F1B's
          CHECK(peak({Schedule::interleaved, 2}) == std::min(2 * micro_batches, 2 * (stages - stage - 1) + stages + 1));
      }
}

TEST_CASE("schedules as their papers draw them") {
  CHECK(words(made({Schedule::one_f_one_b, 1}, 2, 2).stages[1]) == "F0 B0 F1 B1");
  CHECK(words(made({Schedule::one_f_one_b, 1}, 2, 2).stages[0]) == "F0 F1 B0 B1");
  CHECK(words(made({Schedule::gpipe, 1}, 2, 3).stages[1]) == "F0 F1 F2 B0 B1 B2");
  CHECK(words(made({Schedule::interleaved, 2}, 2, 2).stages[0]) == "F0 F1 F0.1 F1.1 B0.1 B1.1 B0 B1");
  CHECK(words(made({Schedule::interleaved, 2}, 2, 2).stages[1]) == "F0 F1 F0.1 B0.1 F1.1 B1.1 B0 B1");
  CHECK(words(made({Schedule::zero_bubble, 1}, 2, 3).stages[0]) == "F0 F1 B0 W0 F2 B1 W1 B2 W2");
  CHECK(words(made({Schedule::zero_bubble, 1}, 2, 3).stages[1]) == "F0 B0 F1 B1 W0 F2 B2 W1 W2");
  CHECK(words(made({Schedule::zero_bubble_v, 2}, 2, 3).stages[1]) ==
        "F0 F0.1 F1 F1.1 B0.1 W0.1 F2 B0 W0 F2.1 B1.1 W1.1 B1 B2.1 B2 W1 W2.1 W2");
}

TEST_CASE("a part stands on one stage; ZB-V turns, so that the first stage has both ends") {
  for (const PipelinePlacement& placement : {PipelinePlacement{4, 1}, PipelinePlacement{3, 4}, PipelinePlacement{4, 2, true}})
    for (int64_t part = 0; part < placement.parts(); ++part)
      CHECK(placement.part_of(placement.stage_of(part), placement.chunk_of(part)) == part);
  CHECK(PipelinePlacement{4, 2, true}.closes());
  CHECK_FALSE(PipelinePlacement{4, 2}.closes());
  CHECK(PipelinePlacement{}.closes());
}
