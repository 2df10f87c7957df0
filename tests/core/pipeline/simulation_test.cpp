#include "engine/core/pipeline/simulation.h"

#include "engine/core/error.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

PipelineSchedule made(Schedule schedule, int64_t stages, int64_t chunks, int64_t micro_batches) {
  ParallelConfig parallel;
  parallel.schedule = schedule;
  parallel.virtual_pipeline = chunks;
  return pipeline_schedule(schedule, pipeline_placement({.pipeline = stages}, parallel), micro_batches);
}

}  // namespace

TEST_CASE("the simulated bubble of each schedule is its paper's formula") {
  struct Row {
    Schedule schedule;
    int64_t chunks;
  };
  for (const Row& row : {Row{Schedule::gpipe, 1},
                         {Schedule::one_f_one_b, 1},
                         {Schedule::interleaved, 2},
                         {Schedule::interleaved, 4},
                         {Schedule::zero_bubble, 1},
                         {Schedule::zero_bubble_v, 2}})
    for (int64_t stages : {1, 2, 3, 4, 8, 16})
      for (int64_t times : {2, 3, 5})
        for (const PartTimes& part : {PartTimes{1, 1, 1}, PartTimes{2, 3, 2}, PartTimes{1, 1.5, 1}}) {
          const int64_t micro_batches = times * stages;
          const PipelineSchedule schedule = made(row.schedule, stages, row.chunks, micro_batches);
          const PipelineTimeline timeline =
              simulate(schedule, std::vector<PartTimes>(static_cast<size_t>(schedule.placement.parts()), part));
          CAPTURE(static_cast<int>(row.schedule));
          CAPTURE(stages);
          CAPTURE(micro_batches);
          CHECK(timeline.bubble() == doctest::Approx(bubble_formula(row.schedule, schedule.placement, micro_batches, part).value()));
          CHECK(timeline.busy(0) == doctest::Approx(static_cast<double>(micro_batches * row.chunks) * part.all()));
        }
}

TEST_CASE("there is a formula from as many micro-batches on as it holds for, and none below") {
  for (Schedule schedule : {Schedule::gpipe, Schedule::one_f_one_b, Schedule::zero_bubble, Schedule::zero_bubble_v})
    for (int64_t stages : {2, 3, 4, 8}) {
      int64_t others = 0;  // numbers of micro-batches whose bubble is another than the schedule's with many
      for (int64_t micro_batches = 1; micro_batches <= 3 * stages; ++micro_batches) {
        const PipelineSchedule whole = made(schedule, stages, 1, micro_batches);
        const double bubble = simulate(whole, std::vector<PartTimes>(static_cast<size_t>(whole.placement.parts()))).bubble();
        const double many = bubble_formula(schedule, whole.placement, 100 * stages, {}).value() * static_cast<double>(100 * stages);
        const std::optional<double> formula = bubble_formula(schedule, whole.placement, micro_batches, {});
        CAPTURE(static_cast<int>(schedule));
        CAPTURE(stages);
        CAPTURE(micro_batches);
        CHECK(formula.has_value() == (micro_batches >= micro_batches_of_formula(schedule, whole.placement)));
        if (formula) CHECK(bubble == doctest::Approx(*formula));
        if (bubble * static_cast<double>(micro_batches) != doctest::Approx(many)) ++others;
      }
      const bool splits = schedule == Schedule::zero_bubble || schedule == Schedule::zero_bubble_v;
      CHECK((others > 0) == splits);
    }
}

TEST_CASE("the bubble of 1F1B is (p - 1) / m, and one stage has none") {
  CHECK(bubble_formula(Schedule::one_f_one_b, {8}, 32, {}).value() == doctest::Approx(7.0 / 32));
  CHECK(simulate(made(Schedule::zero_bubble, 1, 1, 5), {{}}).bubble() == 0);
}

TEST_CASE("any number of micro-batches comes to an end, with the parts as unequal as may be") {
  for (Schedule schedule : {Schedule::gpipe, Schedule::one_f_one_b, Schedule::zero_bubble, Schedule::zero_bubble_v})
    for (int64_t stages : {2, 3, 5})
      for (int64_t micro_batches = 1; micro_batches <= 12; ++micro_batches) {
        const PipelineSchedule whole = made(schedule, stages, 1, micro_batches);
        std::vector<PartTimes> times;
        for (int64_t part = 0; part < whole.placement.parts(); ++part)
          times.push_back({1.0 + static_cast<double>(part * 7 % 5), 2.0, 0.5 * static_cast<double>(part)});
        CHECK(simulate(whole, times).bubble() >= 0);
        CHECK(simulate(forward_only(whole.placement, micro_batches), times).end > 0);
      }
}

TEST_CASE("a schedule that waits for itself is told, with where each stage stands") {
  using Kind = StageAction::Kind;
  const PipelineSchedule schedule{{2}, {{{Kind::forward, 0}, {Kind::backward, 0}}, {{Kind::backward, 0}, {Kind::forward, 0}}}};
  CHECK_THROWS_WITH_AS(simulate(schedule, {{}, {}}), "the pipeline's schedule waits for itself: stage 0 at B0, stage 1 at B0", Error);
}
