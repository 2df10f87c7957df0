#include "engine/train/step_meter.h"

#include "engine/core/flops.h"
#include "engine/observe/memory_peak.h"

namespace llmrun {
void StepMeter::begin() {
  begin_ = Clock::now();
  before_ = mesh_.traffic();
}

Metrics StepMeter::end(const Progress& done, const StepResult& result) {
  Metrics metrics;
  metrics.step_time_s = std::chrono::duration<double>(Clock::now() - begin_).count();
  metrics.step = done.step;
  metrics.loss = result.loss;
  metrics.grad_norm = result.grad_norm;
  metrics.lr = learning_rate(lr_plan(plan_), done.step);
  metrics.loss_scale = result.loss_scale;
  if (result.loss_scale) metrics.skipped_steps = done.loss_scale.skipped_steps;
  metrics.samples = done.samples;
  metrics.tokens = done.tokens;
  metrics.tokens_per_s = static_cast<double>(result.tokens) / metrics.step_time_s;
  metrics.samples_per_s = static_cast<double>(plan_.global_batch) / metrics.step_time_s;

  const TokenFlops flops = flops_per_token(plan_);
  const double tera_tokens = metrics.tokens_per_s / static_cast<double>(plan_.ranks()) / 1e12;  // a second and rank
  metrics.tflops_per_rank = flops.model * tera_tokens;
  metrics.hardware_tflops_per_rank = flops.hardware * tera_tokens;
  if (const double peak = peak_tflops(plan_.config.machine.node, plan_.config.train.precision); peak > 0)
    metrics.mfu = metrics.tflops_per_rank / peak;

  metrics.data_time_s = result.data_time_s;
  metrics.comm = mesh_.traffic().since(before_);
  for (const Traffic::Cell& cell : metrics.comm.cells) metrics.comm_time_s += cell.seconds;
  for (ShardedState& state : model_.states()) {
    metrics.param_bytes += state.parameter_bytes();
    metrics.grad_bytes += state.gradient_bytes();
    metrics.optimizer_bytes += state.optimizer_bytes();
  }
  metrics.mem_peak_bytes = memory_peak(model_.stage().device);
  metrics.attempt = attempt_;
  metrics.time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return metrics;
}

}  // namespace llmrun
