#include "tests/support/tensor_test.h"
// torch first

#include "tests/parity/golden.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

namespace {

/// Shapes that nothing divides: the vocabulary, the MLP, the layers; heads of another width than hidden / heads; dropout.
std::vector<ModelConfig> odd_models() {
  ModelConfig llama{.family = Family::llama, .layers = 5, .hidden = 96, .heads = 6, .vocab = 101};
  llama.kv_heads = 3;
  llama.ffn = 131;
  llama.head_dim = 8;
  llama.tie_embeddings = true;
  ModelConfig gpt{.family = Family::gpt, .layers = 5, .hidden = 96, .heads = 6, .vocab = 257};
  gpt.ffn = 100;
  gpt.dropout = 0.1;
  return {llama, gpt};
}

std::vector<json> metrics_of(const ModelConfig& model, const ParityCase& parity_case) {
  const TemporaryDirectory dir;
  Plan plan;
  plan.dir = (dir.path() / "run").string();
  plan.layout = parity_case.layout;
  plan.steps = 5;
  plan.global_batch = 12;
  plan.accumulate = plan.global_batch / (plan.layout.data * 2);
  plan.config.parallel.sequence = parity_case.sequence;
  plan.config.parallel.zero = parity_case.zero;
  plan.config.parallel.recompute = parity_case.recompute;
  plan.config.train.seq_len = 60;
  plan.config.train.micro_batch = 2;
  plan.config.train.precision = Precision::fp32;
  plan.config.optimizer.lr = 1e-3;
  plan.model = model_shape(model, 60);
  run_plan(plan);
  return read_metrics(plan.dir);
}

}  // namespace

TEST_CASE("three-way and other odd layouts of odd shapes are one rank's run, with dropout too") {
  for (const ModelConfig& model : odd_models()) {
    const std::vector<json> alone = metrics_of(model, {});
    for (const ParityCase& parity_case : odd_cases(model.heads)) {
      const std::vector<json> together = metrics_of(model, parity_case);
      REQUIRE(together.size() == alone.size());
      for (size_t i = 0; i < alone.size(); ++i) {
        CAPTURE(parity_case.name());
        CHECK(together[i].at("loss").get<double>() == doctest::Approx(alone[i].at("loss").get<double>()).epsilon(1e-6));
        CHECK(together[i].at("grad_norm").get<double>() == doctest::Approx(alone[i].at("grad_norm").get<double>()).epsilon(2e-5));
      }
    }
  }
}

TEST_CASE("a rank may hold one column of the MLP, and one channel of a head") {
  for (const Family family : {Family::gpt, Family::llama}) {
    ModelConfig model{.family = family, .layers = 2, .hidden = 32, .heads = 4, .vocab = 64};
    model.ffn = 4;
    if (family == Family::gpt) model.head_dim = 1;
    const std::vector<json> alone = metrics_of(model, {});
    for (const SequenceParallel sequence : {SequenceParallel::none, SequenceParallel::megatron}) {
      ParityCase parity_case{{.tensor = 4}};
      parity_case.sequence = sequence;
      const std::vector<json> together = metrics_of(model, parity_case);
      for (size_t i = 0; i < alone.size(); ++i)
        CHECK(together[i].at("loss").get<double>() == doctest::Approx(alone[i].at("loss").get<double>()).epsilon(1e-6));
    }
  }
}

TEST_CASE("odd shapes come out as plain PyTorch made them, in odd layouts") {
  for (const char* name : {"gpt2-odd", "llama-odd"}) {
    const Golden golden = read_golden(name);
    const int64_t heads = golden_plan(golden, {}, "/nowhere").model.heads;
    for (const ParityCase& parity_case : odd_cases(heads)) {
      const TemporaryDirectory dir;
      const Plan plan = golden_plan(golden, parity_case, dir.path() / "run");
      run_plan(plan);
      const Agreement agreement = compare(golden, plan);
      CHECK_MESSAGE(agreement.holds(), name, " ", parity_case.name(), ": ", agreement.text());
    }
  }
}
