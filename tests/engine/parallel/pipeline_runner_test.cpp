#include "tests/support/tensor_test.h"
// torch first

#include "engine/parallel/pipeline_runner.h"

#include <ATen/ops/full.h>

#include <algorithm>
#include <mutex>

#include "engine/core/pipeline/simulation.h"
#include "tests/support/ranks.h"

using namespace llmrun;

namespace {

/// A rank's clock, which only work and messages move: no time passes in between.
struct VirtualClock {
  double now = 0;
  double busy = 0;
  void work(double time) { now += time, busy += time; }
};

/// A part of a model that computes nothing but when: tensors carry the time at which they were made.
class ClockUnit final : public Unit {
 public:
  ClockUnit(VirtualClock& clock, const PartTimes& times, bool in_one_piece)
      : Unit(nullptr), clock_(clock), times_(times), in_one_piece_(in_one_piece) {}

  at::Tensor forward(const at::Tensor& x, const MicroBatch&, Saved&) override {
    arrive(x);
    clock_.work(times_.forward);
    return made_now();
  }
  at::Tensor backward_input(const at::Tensor& dy, const MicroBatch&, Saved&) override {
    arrive(dy);
    clock_.work(times_.backward_input);
    return dx_ = made_now();
  }
  void backward_weight(const MicroBatch&, Saved&) override {
    clock_.work(times_.backward_weight);
    if (in_one_piece_) dx_.fill_(clock_.now);  // sent when both parts are done
  }

 private:
  void arrive(const at::Tensor& from) {
    if (from.defined()) clock_.now = std::max(clock_.now, from.item<double>());
  }
  at::Tensor made_now() const { return at::full({1, 1}, clock_.now, at::TensorOptions().dtype(at::kDouble)); }

  VirtualClock& clock_;
  PartTimes times_;
  bool in_one_piece_;
  at::Tensor dx_;
};

/// The end of a step of one part a chunk, and the bubble, as ranks that really send and receive come to it.
struct Measured {
  double end = 0;
  double bubble = 0;
};
Measured run_under_a_virtual_clock(const PipelineSchedule& schedule, const std::vector<PartTimes>& times) {
  const bool in_one_piece = std::any_of(schedule.stages[0].begin(), schedule.stages[0].end(),
                                        [](const StageAction& action) { return action.kind == StageAction::Kind::backward; });
  const bool forwards_only = std::all_of(schedule.stages[0].begin(), schedule.stages[0].end(),
                                         [](const StageAction& action) { return action.kind == StageAction::Kind::forward; });
  std::mutex mutex;
  double end = 0, busy = 0;
  run_mesh({.pipeline = schedule.placement.stages}, 1, [&](const Mesh& mesh) {
    VirtualClock clock;
    Stage stage;
    stage.mesh = &mesh;
    stage.placement = schedule.placement;
    stage.tokens_local = stage.hidden = 1;
    stage.dtype = at::kDouble;
    for (int64_t chunk = 0; chunk < schedule.placement.chunks; ++chunk) {
      const int64_t part = schedule.placement.part_of(mesh.where().pipeline, chunk);
      stage.units.push_back(std::make_unique<ClockUnit>(clock, times[static_cast<size_t>(part)], in_one_piece));
      stage.chunks.push_back({chunk, chunk + 1});
    }
    const StageCounts counts = run_schedule(stage, schedule, [](int64_t) { return MicroBatch(); });
    if (!forwards_only) CHECK(counts.peak_micro_batches == peak_micro_batches(schedule.stages[static_cast<size_t>(mesh.where().pipeline)]));
    const std::lock_guard lock(mutex);
    end = std::max(end, clock.now);
    busy = std::max(busy, clock.busy);
  });
  return {end, end / busy - 1};
}

PipelineSchedule made(Schedule schedule, int64_t stages, int64_t chunks, int64_t micro_batches) {
  ParallelConfig parallel;
  parallel.schedule = schedule;
  parallel.virtual_pipeline = chunks;
  return pipeline_schedule(schedule, pipeline_placement({.pipeline = stages}, parallel), micro_batches);
}

}  // namespace

TEST_CASE("a run stands still for as long as the simulation says, by a clock that only work and messages move") {
  struct Row {
    Schedule schedule;
    int64_t chunks;
  };
  for (const Row& row : {Row{Schedule::gpipe, 1},
                         {Schedule::one_f_one_b, 1},
                         {Schedule::interleaved, 2},
                         {Schedule::interleaved, 3},
                         {Schedule::zero_bubble, 1},
                         {Schedule::zero_bubble_v, 2}})
    for (int64_t stages : {1, 2, 3, 4})
      for (int64_t times : {1, 2, 5}) {
        const PipelineSchedule schedule = made(row.schedule, stages, row.chunks, times * stages);
        std::vector<PartTimes> parts(static_cast<size_t>(schedule.placement.parts()));
        for (const bool alike : {true, false}) {
          if (!alike)
            for (size_t part = 0; part < parts.size(); ++part)
              parts[part] = {1 + 0.25 * static_cast<double>(part % 3), 1.5, 0.5 + 0.125 * static_cast<double>(part % 2)};
          const PipelineTimeline simulated = simulate(schedule, parts);
          const Measured measured = run_under_a_virtual_clock(schedule, parts);
          CAPTURE(static_cast<int>(row.schedule));
          CAPTURE(stages);
          CAPTURE(times);
          CHECK(measured.end == doctest::Approx(simulated.end).epsilon(1e-12));
          CHECK(measured.bubble == doctest::Approx(simulated.bubble()).epsilon(0.01));
        }
      }
}

TEST_CASE("evaluation goes through every part, whatever the placement and the number of micro-batches") {
  for (const PipelinePlacement& placement : {PipelinePlacement{3, 1}, PipelinePlacement{2, 3}, PipelinePlacement{3, 2, true}})
    for (int64_t micro_batches : {1, 2, 5, 9}) {
      const PipelineSchedule schedule = forward_only(placement, micro_batches);
      const std::vector<PartTimes> parts(static_cast<size_t>(placement.parts()));
      CHECK(run_under_a_virtual_clock(schedule, parts).end == doctest::Approx(simulate(schedule, parts).end));
    }
}
