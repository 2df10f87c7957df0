#include "engine/train/bench_step.h"

#include <algorithm>
#include <chrono>

#include "engine/comm/gpu.h"
#include "engine/core/flops.h"
#include "engine/core/plan.h"
#include "engine/model/initial_weights.h"
#include "engine/observe/memory_peak.h"
#include "engine/train/train_step.h"

namespace llmrun {
namespace {

/// The plan of a run of this one shape, as the trainer would get it.
Plan bench_plan(const BenchStepOptions& options) {
  Plan plan;
  plan.steps = options.warmup + options.steps;
  plan.global_batch = options.micro_batch;
  plan.model = options.shape;
  plan.config.train.seq_len = options.seq_len;
  plan.config.train.micro_batch = options.micro_batch;
  plan.config.train.precision = options.precision;
  plan.config.parallel.recompute = options.recompute;
  return plan;
}

}  // namespace

BenchStepResult bench_step(const BenchStepOptions& options) {
  using Clock = std::chrono::steady_clock;
  const Plan plan = bench_plan(options);
  const Mesh mesh(make_solo("world", Purpose::control), plan.layout, options.shape.kv_heads);
  Model model(
      {options.shape, plan.config.parallel, options.attention, options.precision, 1, options.micro_batch, options.seq_len, options.device},
      mesh);
  for (ShardedState& state : model.states()) initialise(state, 1);
  model.publish();
  const TrainingData data = TrainingData::training(plan.config.data, {options.seq_len, 1, options.shape.vocab});

  BenchStepResult result;
  Progress progress{.loss_scale = loss_scale(plan.config.train)};
  while (progress.step < plan.steps) {
    synchronise(options.device);
    const auto begin = Clock::now();
    train_step(model, mesh, data, plan, progress);
    synchronise(options.device);
    if (progress.step > options.warmup) result.step_times_s.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::vector<double> sorted = result.step_times_s;
  std::sort(sorted.begin(), sorted.end());
  result.median_s = sorted[sorted.size() / 2];
  result.tokens_per_s = static_cast<double>(plan.tokens_per_step()) / result.median_s;
  const TokenFlops flops = flops_per_token(plan);
  result.model_tflops = flops.model * result.tokens_per_s / 1e12;
  result.model_tflops_causal = flops.model_causal * result.tokens_per_s / 1e12;
  result.hardware_tflops = flops.hardware * result.tokens_per_s / 1e12;
  result.parameters = parameter_count(options.shape);
  result.mem_peak_bytes = memory_peak(options.device);
  return result;
}

}  // namespace llmrun
