#include "tests/support/tensor_test.h"
// torch first

#include <cstdlib>

#include "tests/parity/golden.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

namespace {

/// Every product in `./bootstrap test --all`, every pair otherwise.
std::vector<ParityCase> cases_to_run(const GoldenSize& size) {
  return std::getenv("LLMRUN_TEST_ALL") != nullptr ? all_cases(size) : pairwise_cases(size);
}

void expect_parity(const Golden& golden, const std::vector<ParityCase>& cases) {
  Agreement worst;
  for (const ParityCase& parity_case : cases) {
    const TemporaryDirectory dir;
    const Plan plan = golden_plan(golden, parity_case, dir.path() / "run");
    run_plan(plan);
    const Agreement agreement = compare(golden, plan);
    CHECK_MESSAGE(agreement.holds(), parity_case.name(), ": ", agreement.text(), "\nagain: llmrun train GOLDEN.yaml ",
                  parity_case.arguments(plan.model.layers));
    worst.loss = std::max(worst.loss, agreement.loss);
    worst.grad_norm = std::max(worst.grad_norm, agreement.grad_norm);
    worst.weights = std::max(worst.weights, agreement.weights);
  }
  MESSAGE(golden.dir.filename().string(), ": ", cases.size(), " cases, worst ", worst.text());
}

void expect_parity(const std::string& name) {
  const Golden golden = read_golden(name);
  expect_parity(golden, cases_to_run(golden.size()));
}

}  // namespace

TEST_CASE("gpt2-tiny comes out as plain PyTorch made it, in every layout") { expect_parity("gpt2-tiny"); }
TEST_CASE("llama-tiny comes out as plain PyTorch made it, in every layout") { expect_parity("llama-tiny"); }

TEST_CASE("two hundred products of all axes and switches, drawn at random, come out as plain PyTorch made them") {
  // Most where a run is short.
  for (const auto& [name, count] : {std::pair{"gpt2-tiny", 20}, {"llama-tiny", 20}, {"gpt2-odd", 80}, {"llama-odd", 80}}) {
    const Golden golden = read_golden(name);
    expect_parity(golden, sampled_cases(golden.size(), static_cast<size_t>(count), 1));
  }
}

TEST_CASE("packed documents come out as plain PyTorch made them one by one, also where a sequence is split") {
  for (const char* name : {"gpt2-packed", "llama-packed"}) {
    const Golden golden = read_golden(name);
    std::vector<ParityCase> cases = sampled_cases(golden.size(), 25, 3);
    cases.push_back({});
    cases.push_back({.layout = {.tensor = 2, .data = 2, .pipeline = 2}, .zero = 1});
    expect_parity(golden, cases);
  }
}

TEST_CASE("bf16 stays within one percent of the golden losses, and fp16, which has three more bits, within a fifth of that") {
  for (const char* name : {"gpt2-tiny", "llama-tiny"}) {
    const Golden golden = read_golden(name);
    for (const Layout& layout : {Layout{}, Layout{.tensor = 2, .data = 2, .pipeline = 2}})
      for (const auto& [precision, bound] : {std::pair{Precision::bf16, 0.01}, std::pair{Precision::fp16, 0.002}}) {
        const TemporaryDirectory dir;
        ParityCase parity_case{layout};
        parity_case.zero = 1;
        Plan plan = golden_plan(golden, parity_case, dir.path() / "run");
        plan.config.train.precision = precision;
        run_plan(plan);
        const Agreement agreement = compare(golden, plan);
        CHECK(agreement.complaints.empty());
        CHECK_MESSAGE(agreement.loss <= bound, name, ": ", agreement.text());
      }
  }
}

namespace {

/// The golden run from weights made by seed, at learning rate `lr`.
std::vector<json> run_by_seed(const Golden& golden, const Layout& layout, double lr) {
  const TemporaryDirectory dir;
  Plan plan = golden_plan(golden, ParityCase{layout}, dir.path() / "run");
  plan.config.model.from.clear();
  plan.config.optimizer.lr = lr;
  run_plan(plan);
  return read_metrics(plan.dir);
}

/// At the golden's rate a row may pass close to zero, where its norm turns rounding into a spike of grad_norm: from llama-tiny's seed 1
/// plain PyTorch is 4.5e-4 from itself at step 33 when the micro batch changes (tests/reference/spread.py). At a quarter of it nothing is
/// amplified.
constexpr double kCalm = 0.25;

}  // namespace

TEST_CASE("initialised by seed, layouts agree") {
  for (const char* name : {"gpt2-tiny", "llama-tiny"}) {
    const Golden golden = read_golden(name);
    const double own = golden.run.at("lr");
    for (const double lr : {own, kCalm * own}) {
      const std::vector<json> one = run_by_seed(golden, {}, lr);
      for (const Layout& layout : {Layout{.tensor = 4, .pipeline = 2}, Layout{.tensor = 2, .data = 4}}) {
        const std::vector<json> many = run_by_seed(golden, layout, lr);
        REQUIRE(many.size() == one.size());
        for (size_t i = 0; i < many.size(); ++i) {
          CHECK(many[i].at("loss").get<double>() == doctest::Approx(one[i].at("loss").get<double>()).epsilon(1e-5));
          if (lr < own) CHECK(many[i].at("grad_norm").get<double>() == doctest::Approx(one[i].at("grad_norm").get<double>()).epsilon(2e-4));
        }
      }
    }
  }
}
