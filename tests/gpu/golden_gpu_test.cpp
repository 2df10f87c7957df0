#include "tests/support/tensor_test.h"
// torch first

#include "engine/rank/device.h"
#include "tests/parity/golden.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

namespace {

/// Trains the golden run with its ranks as threads of this process, which share the GPU.
Plan train_on_gpu(const Golden& golden, const ParityCase& parity_case, const TemporaryDirectory& dir, Precision precision,
                  int64_t stop_in = 0, bool deterministic = false, const std::string& name = "run") {
  Plan plan = golden_plan(golden, parity_case, dir.path() / name);
  plan.device = Device::cuda;
  plan.config.train.precision = precision;
  plan.config.train.deterministic = deterministic;
  run_plan(plan, stop_in, [&](int rank) { return prepare_device(device_needs(plan), rank); });
  return plan;
}

ParityCase with(Layout layout, auto change) {
  ParityCase parity_case{layout};
  parity_case.attention = AttentionKind::automatic;  // a GPU has no flash kernel in fp32; auto takes the memory-efficient one
  change(parity_case);
  return parity_case;
}

/// One rank in each way to compute, and two ranks along each axis.
std::vector<ParityCase> gpu_cases() {
  const auto nothing = [](ParityCase&) {};
  return {with({}, nothing),
          with({}, [](ParityCase& c) { c.attention = AttentionKind::plain; }),
          with({}, [](ParityCase& c) { c.recompute = Recompute::full, c.micro_batch = 4; }),
          with({.tensor = 2}, nothing),
          with({.tensor = 2}, [](ParityCase& c) { c.sequence = SequenceParallel::megatron; }),
          with({.pipeline = 2}, [](ParityCase& c) { c.micro_batch = 1; }),
          with({.data = 2}, [](ParityCase& c) { c.zero = 1; })};
}

void expect_golden(const std::string& name) {
  const Golden golden = read_golden(name);
  Agreement worst;
  for (const ParityCase& parity_case : gpu_cases()) {
    const TemporaryDirectory dir;
    const Agreement agreement = compare(golden, train_on_gpu(golden, parity_case, dir, Precision::fp32));
    CHECK_MESSAGE(agreement.holds(), name, ", ", parity_case.name(), ": ", agreement.text());
    worst.loss = std::max(worst.loss, agreement.loss);
    worst.grad_norm = std::max(worst.grad_norm, agreement.grad_norm);
    worst.weights = std::max(worst.weights, agreement.weights);
  }
  MESSAGE(name, " in fp32: worst ", worst.text());
}

std::vector<double> losses(const Plan& plan) {
  std::vector<double> values;
  for (const json& line : read_metrics(plan.dir)) values.push_back(line.at("loss"));
  return values;
}

}  // namespace

TEST_CASE("gpt2-tiny on a GPU in fp32 comes out as plain PyTorch made it, alone and with two ranks on it") { expect_golden("gpt2-tiny"); }
TEST_CASE("llama-tiny on a GPU in fp32 comes out as plain PyTorch made it, alone and with two ranks on it") { expect_golden("llama-tiny"); }

TEST_CASE("llama-packed on a GPU in fp32 comes out as plain PyTorch made it: each document by itself") { expect_golden("llama-packed"); }

TEST_CASE("bf16 on a GPU stays within one percent of the golden losses") {
  for (const char* name : {"gpt2-tiny", "llama-tiny"}) {
    const Golden golden = read_golden(name);
    for (const ParityCase& parity_case : gpu_cases()) {
      const TemporaryDirectory dir;
      const Agreement agreement = compare(golden, train_on_gpu(golden, parity_case, dir, Precision::bf16));
      CHECK(agreement.complaints.empty());
      CHECK_MESSAGE(agreement.loss <= 0.01, name, ", ", parity_case.name(), ": ", agreement.text());
    }
  }
}

TEST_CASE("a deterministic run on a GPU is the same to the bit when it is run again, and when it was stopped and resumed") {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const Golden golden = read_golden("llama-tiny");
    const ParityCase alone = with({}, [](ParityCase&) {});
    const TemporaryDirectory dir;
    const auto run = [&](const std::string& name, int64_t stop_in) {
      return train_on_gpu(golden, alone, dir, precision, stop_in, /*deterministic=*/true, name);
    };
    const std::vector<double> whole = losses(run("whole", 0));
    CHECK(losses(run("again", 0)) == whole);
    run("stopped", 7);
    CHECK(losses(run("stopped", 0)) == whole);
  }
}

TEST_CASE("the peak of a GPU's memory is the allocator's, and is in the metrics") {
  const Golden golden = read_golden("gpt2-tiny");
  const TemporaryDirectory dir;
  const Plan plan = train_on_gpu(golden, with({}, [](ParityCase&) {}), dir, Precision::fp32);
  const int64_t peak = read_metrics(plan.dir).back().at("mem_peak_bytes");
  CHECK(peak > 4 * 4 * 200'000);  // weights, gradients and moments of 0.2 M parameters and more
}
