#include "engine/core/pipeline_schedule.h"

#include <algorithm>

#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("1F1B holds at most stages - stage micro-batches, and runs each forward and backward once, in order") {
  for (int64_t stages : {1, 2, 3, 4, 8})
    for (int64_t micro_batches : {1, 2, 3, 8, 32})
      for (int64_t stage = 0; stage < stages; ++stage) {
        const auto actions = one_forward_one_backward(stage, stages, micro_batches);
        CHECK(peak_micro_batches(actions) == std::min(stages - stage, micro_batches));
        int64_t forwards = 0, backwards = 0;
        for (const StageAction& action : actions) {
          if (action.kind == StageAction::Kind::forward) {
            CHECK(action.micro_batch == forwards++);
          } else {
            CHECK(action.micro_batch == backwards++);
            CHECK(backwards <= forwards);
          }
        }
        CHECK(forwards == micro_batches);
        CHECK(backwards == micro_batches);
      }
}

TEST_CASE("the last stage of 1F1B goes back at once") {
  using Kind = StageAction::Kind;
  CHECK(one_forward_one_backward(1, 2, 2) ==
        std::vector<StageAction>{{Kind::forward, 0}, {Kind::backward, 0}, {Kind::forward, 1}, {Kind::backward, 1}});
  CHECK(one_forward_one_backward(0, 2, 2) ==
        std::vector<StageAction>{{Kind::forward, 0}, {Kind::forward, 1}, {Kind::backward, 0}, {Kind::backward, 1}});
}

TEST_CASE("the bubble of 1F1B is (p - 1) / m") { CHECK(pipeline_bubble(8, 32) == doctest::Approx(7.0 / 32)); }
