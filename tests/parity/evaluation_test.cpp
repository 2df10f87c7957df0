#include "tests/support/tensor_test.h"
// torch first

#include "engine/train/evaluate.h"
#include "tests/parity/golden.h"
#include "tests/parity/seeded_model.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

namespace {

/// The validation loss after one step of a golden model with dropout, on the last samples of its tokens.
double validation_loss(const ParityCase& parity_case, double dropout, int64_t eval_samples) {
  const Golden golden = read_golden("gpt2-tiny");
  const TemporaryDirectory dir;
  Plan plan = golden_plan(golden, parity_case, dir.path() / "run");
  plan.steps = 1;
  plan.config.optimizer.lr = 0;
  plan.config.data.split = {0.9, 0.1};
  plan.config.observe.eval_samples = eval_samples;
  plan.model.dropout = dropout;
  run_plan(plan);
  return read_metrics(plan.dir).back().at("valid_loss");
}

std::vector<ParityCase> cases() {
  std::vector<ParityCase> cases(4);
  cases[0].micro_batch = 4;
  cases[1].layout = {.data = 4};
  cases[1].micro_batch = 2;
  cases[2].layout = {.tensor = 2, .data = 2};
  cases[2].sequence = SequenceParallel::megatron;
  cases[3].layout = {.pipeline = 2};
  cases[3].recompute = Recompute::full;
  return cases;
}

}  // namespace

TEST_CASE("an evaluation counts each sample once in any layout, though they do not fill the last micro-batches") {
  for (const int64_t samples : {1, 5, 7}) {
    const double alone = validation_loss({}, 0, samples);
    for (const ParityCase& parity_case : cases()) {
      CAPTURE(parity_case.name());
      CAPTURE(samples);
      CHECK(validation_loss(parity_case, 0, samples) == doctest::Approx(alone).epsilon(1e-6));
    }
  }
}

TEST_CASE("an evaluation of more samples is another one, and 0 is all of them") {
  const double all = validation_loss({}, 0, 0);
  CHECK(validation_loss({}, 0, 1) != doctest::Approx(all).epsilon(1e-6));
  CHECK(validation_loss({}, 0, 1'000'000) == all);
}

TEST_CASE("an evaluation is without dropout") { CHECK(validation_loss({}, 0.5, 5) == validation_loss({}, 0, 5)); }

TEST_CASE("stages wait for each other every four micro-batches a stage, so that none runs ahead of what the next can hold") {
  const TemporaryDirectory dir;
  const Plan plan = golden_plan(read_golden("gpt2-tiny"), {.layout = {.pipeline = 2}, .micro_batch = 1}, dir.path() / "run");
  run_seeded(plan, [&](const Mesh& mesh, Model& model, const TrainingData& data) {
    const Traffic before = mesh.traffic();
    evaluate(model, mesh, data, plan, 17);
    const Traffic change = mesh.traffic().since(before);
    CHECK(change[Purpose::pipeline].verbs[static_cast<size_t>(Verb::barrier)].calls == 3);  // 8 + 8 + 1
  });
}
