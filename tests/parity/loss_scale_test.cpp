#include "tests/support/tensor_test.h"
// torch first

#include <cmath>

#include "engine/checkpoint/directory.h"
#include "engine/core/run_paths.h"
#include "engine/train/saved_state.h"
#include "engine/train/train_step.h"
#include "engine/train/trainer.h"
#include "tests/parity/golden.h"
#include "tests/parity/seeded_model.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

namespace {

Plan fp16_plan(const Golden& golden, const Layout& layout, int64_t zero, const std::filesystem::path& dir) {
  ParityCase parity_case{layout};
  parity_case.zero = zero;
  Plan plan = golden_plan(golden, parity_case, dir);
  plan.config.train.precision = Precision::fp16;
  return plan;
}

/// A step as one rank saw it.
struct Seen {
  LossScale after;
  bool skipped = false;
  bool moved = false;  // any of its weights
  double loss = 0;
  double grad_norm = 0;
};

/// Steps of a rank each, from a scale that fp16 cannot hold.
std::vector<std::vector<Seen>> steps_from(const Plan& plan, double scale, int steps) {
  std::vector<std::vector<Seen>> seen(static_cast<size_t>(plan.ranks()));
  run_seeded(plan, [&](const Mesh& mesh, Model& model, const TrainingData& data) {
    Progress progress{.loss_scale = {scale, 0, 0}};
    for (int step = 0; step < steps; ++step) {
      std::vector<at::Tensor> before;
      for (ShardedState& state : model.states()) before.push_back(state.master().clone());
      const StepResult result = train_step(model, mesh, data, plan, progress);
      Seen& now = seen[static_cast<size_t>(mesh.rank())].emplace_back(
          Seen{progress.loss_scale, result.skipped, false, result.loss, result.grad_norm});
      for (size_t i = 0; i < before.size(); ++i) now.moved = now.moved || !before[i].equal(model.states()[i].master());
    }
  });
  return seen;
}

}  // namespace

TEST_CASE("a gradient that overflows fp16 skips the step on every rank alike, until the scale fits; the weights do not move") {
  const Golden golden = read_golden("gpt2-tiny");
  const TemporaryDirectory dir;
  constexpr double kTooLarge = 0x1p40;
  const std::vector<Seen> one = steps_from(fp16_plan(golden, {}, 0, dir.path()), kTooLarge, 30).front();
  CHECK(one.front().skipped);
  CHECK_FALSE(one.back().skipped);
  for (const auto& [layout, zero] : {std::pair{Layout{.tensor = 2, .data = 2, .pipeline = 2}, 1}, std::pair{Layout{.data = 4}, 3}}) {
    const auto ranks = steps_from(fp16_plan(golden, layout, zero, dir.path()), kTooLarge, 30);
    for (size_t step = 0; step < one.size(); ++step) {
      CAPTURE(step);
      for (const std::vector<Seen>& rank : ranks) {
        const Seen& got = rank[step];
        CHECK(got.after == ranks.front()[step].after);
        CHECK(got.skipped == ranks.front()[step].skipped);
        CHECK(got.moved == !got.skipped);
        CHECK(std::isfinite(got.grad_norm) == !got.skipped);
        CHECK(got.after.scale == (step == 0 ? kTooLarge : *rank[step - 1].after.scale) / (got.skipped ? 2 : 1));
      }
      // Where a sum just fits depends on how it is cut, by a factor of two or so.
      CHECK(std::abs(std::log2(*ranks.front()[step].after.scale / *one[step].after.scale)) <= 2);
    }
  }
}

TEST_CASE("the loss scale moves gradients, not results: a run at twice the scale takes the same steps") {
  const Golden golden = read_golden("llama-tiny");
  const TemporaryDirectory dir;
  const Plan plan = fp16_plan(golden, {.tensor = 2}, 0, dir.path());
  const auto low = steps_from(plan, 1024, 5).front(), high = steps_from(plan, 32768, 5).front();
  for (size_t step = 0; step < low.size(); ++step) {
    CHECK(low[step].loss == doctest::Approx(high[step].loss).epsilon(1e-3));
    CHECK(low[step].grad_norm == doctest::Approx(high[step].grad_norm).epsilon(1e-2));
  }
}

TEST_CASE("an fp16 run that is stopped ends bit-equal to one that was not, its loss scale too") {
  const Golden golden = read_golden("gpt2-tiny");
  const TemporaryDirectory dir;
  const Layout layout{.tensor = 2, .data = 2};
  const Plan whole = fp16_plan(golden, layout, 1, dir.path() / "whole"), stopped = fp16_plan(golden, layout, 1, dir.path() / "stopped");
  run_plan(whole);
  run_plan(stopped, 7);
  run_plan(stopped);
  const std::vector<json> straight = read_metrics(whole.dir), resumed = read_metrics(stopped.dir);
  REQUIRE(straight.size() == resumed.size());
  for (size_t i = 0; i < straight.size(); ++i)
    for (const char* key : {"loss", "grad_norm", "loss_scale", "skipped_steps"}) CHECK(straight[i].at(key) == resumed[i].at(key));
  const auto saved = find_checkpoint(RunPaths(stopped.dir).checkpoints());
  REQUIRE(saved);
  CHECK(CheckpointReader(saved->directory).snapshot().loss_scale == LossScale{65536, static_cast<int64_t>(straight.size()), 0});
}
