#include "engine/core/resume_changes.h"

#include <functional>

#include "engine/core/spec/decode.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

Plan plan_of_a_llama() {
  Plan plan;
  plan.config.model.family = Family::llama;
  plan.config.model.layers = 4;
  plan.config.model.hidden = 64;
  plan.config.model.heads = 4;
  plan.config.model.vocab = 256;
  plan.config.train.seq_len = 32;
  plan.config.train.micro_batch = 4;
  plan.layout.data = 2;
  plan.global_batch = 8;
  plan.model = model_shape(plan.config.model, 32);
  return plan;
}

std::string told(const std::vector<ResumeChange>& changes) {
  std::string text;
  for (const ResumeChange& change : changes)
    text += (text.empty() ? "" : ", ") + change.key + " " + change.was + " -> " + change.is + (change.refused ? " refused" : "");
  return text;
}

}  // namespace

TEST_CASE("R3: what differs from the run that wrote a checkpoint is refused, told, or no matter") {
  struct Row {
    std::function<void(Plan&)> change;
    const char* told;
  };
  const Row rows[] = {
      {[](Plan& plan) { plan.model.layers = 2; }, "model.layers 4 -> 2 refused"},
      {[](Plan& plan) { plan.model.tie_embeddings = true; }, "model.tie_embeddings false -> true refused"},
      {[](Plan& plan) { plan.model.heads = 2; }, "model.heads 4 -> 2 refused"},
      {[](Plan& plan) { plan.model.rope_theta = 5e5; }, "model.rope_theta 10000.0 -> 500000.0 refused"},
      {[](Plan& plan) { plan.config.optimizer.lr = 1e-4; }, "optimizer.lr 0.0003 -> 0.0001"},
      {[](Plan& plan) { plan.config.data.train = {{"/other", 1}}; }, "data.train.0 synthetic -> /other"},
      {[](Plan& plan) { plan.config.data.tokenizer = "bytes"; }, "data.tokenizer  -> bytes"},
      {[](Plan& plan) { plan.config.run.seed = 7; }, "run.seed 1 -> 7"},
      {[](Plan& plan) { plan.config.train.seq_len = 64, plan.model.max_positions = 64; }, "train.seq_len 32 -> 64"},
      {[](Plan& plan) { plan.model.dropout = plan.config.model.dropout = 0.1; }, "model.dropout 0.0 -> 0.1"},
      {[](Plan& plan) { plan.global_batch = 16; }, "train.global_batch 8 -> 16"},
      {[](Plan& plan) { plan.config.train.accumulate = 2, plan.config.parallel.data = 1, plan.layout.data = 1; }, ""},
      {[](Plan& plan) { plan.config.parallel.tensor = 4, plan.config.parallel.zero = 3, plan.config.run.steps = 9; }, ""},
      {[](Plan& plan) { plan.config.checkpoint.keep = 9, plan.config.machine.profile = "polaris", plan.config.job.queue = "q"; }, ""},
  };
  const Plan before = plan_of_a_llama();
  for (const Row& row : rows) {
    Plan after = before;
    row.change(after);
    CHECK(told(resume_changes(before.model, to_json(before.config), before.layout, after)) == row.told);
  }
}
