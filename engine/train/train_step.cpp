#include "engine/train/train_step.h"

#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <chrono>
#include <cmath>

#include "engine/core/error.h"
#include "engine/core/lr_schedule.h"
#include "engine/core/spec/spellings.h"
#include "engine/core/step_traffic.h"

namespace llmrun {
namespace {

/// A sum over ranks that tells whether any wished to stop, and the strongest wish: signals count a million each, more than there are ranks.
constexpr double kSignalWeight = 1 << 20;
double weight_of(StopWish wish) { return wish == StopWish::signal ? kSignalWeight : wish == StopWish::walltime ? 1 : 0; }
StopWish strongest(double weight) { return weight >= kSignalWeight ? StopWish::signal : weight > 0 ? StopWish::walltime : StopWish::none; }

/// Loss, tokens, squares of the gradient and wishes to stop, summed over the world. A loss is contributed by tensor rank 0 of the last
/// stage, a gradient element by the one rank that owns it.
std::array<double, kStepScalars> exchange_scalars(Model& model, const Mesh& mesh, StopWish wish) {
  at::Tensor scalars = at::zeros({kStepScalars}, at::TensorOptions().dtype(at::kDouble));
  double* values = scalars.mutable_data_ptr<double>();
  if (model.head() != nullptr && mesh.where().tensor == 0) {
    values[0] = model.head()->loss_sum();
    values[1] = static_cast<double>(model.head()->tokens());
  }
  for (const ShardedState& state : model.states()) values[2] += state.owned_sum_of_squares();
  values[3] = weight_of(wish);
  const at::Tensor summed = scalars.to(model.stage().device);
  mesh.world().all_reduce(summed).wait();
  scalars = summed.is_meta() ? at::ones_like(scalars) : summed.to(at::kCPU);  // a step without data has no sums
  std::array<double, kStepScalars> sums;
  std::copy_n(scalars.const_data_ptr<double>(), kStepScalars, sums.begin());
  return sums;
}

/// Before the first update no learning rate can be to blame.
Error not_finite(const Plan& plan, int64_t step, const StepResult& result) {
  Error error(Exit::numerics, "step {}: loss is {}, gradient norm is {}", step, std::fabs(result.loss),  // a NaN may have a sign
              std::fabs(result.grad_norm));
  const Precision precision = plan.config.train.precision;
  if (step == 1 && precision == Precision::fp32)
    error.hint("the weights it begins with give no number: model.from, model.init_std");
  else if (step == 1)
    error.hint("--set train.precision={}, or other weights to begin with (model.from, model.init_std)",
               spelling(precision == Precision::fp16 ? Precision::bf16 : Precision::fp32));
  else
    error.hint("a lower learning rate or a longer warm-up: --set optimizer.lr={:.2g} --set optimizer.warmup_steps={}",
               plan.config.optimizer.lr / 3, 2 * plan.config.optimizer.warmup_steps + 100);
  return error;
}

/// Clipping as in torch.nn.utils.clip_grad_norm_: by 1 / (norm + 1e-6) where that is below 1.
double clip_coefficient(double norm, double clip) { return clip > 0 ? std::min(1.0, clip / (norm + 1e-6)) : 1.0; }

}  // namespace

LrPlan lr_plan(const Plan& plan) {
  const OptimizerConfig& optimizer = plan.config.optimizer;
  return {optimizer.schedule, optimizer.lr, optimizer.min_lr.value_or(optimizer.lr / 10), optimizer.warmup_steps, plan.steps};
}

int64_t sample_of(const Plan& plan, const Mesh& mesh, int64_t index) {
  return (mesh.where().data * plan.accumulate + index) * plan.config.train.micro_batch;
}

MicroBatch read_micro_batch(const TrainingData& data, const Plan& plan, const Mesh& mesh, int64_t first, int64_t index, at::Device device) {
  const int64_t batch = plan.config.train.micro_batch, seq = plan.config.train.seq_len;
  const int64_t sample = first + sample_of(plan, mesh, index);
  std::vector<int64_t> tokens(static_cast<size_t>(batch * (seq + 1))), documents;
  data.read(sample, batch, tokens.data());
  if (plan.config.data.document_masks) {
    documents.resize(tokens.size());
    data.document_begins(sample, batch, documents.data());
  }
  const Samples samples{batch, seq, sample, tokens.data(), documents.empty() ? nullptr : documents.data()};
  return make_micro_batch(samples, mesh.layout(), mesh.where(), device);
}

StepResult train_step(Model& model, const Mesh& mesh, const TrainingData& data, const Plan& plan, Progress& progress, StopWish wish) {
  using Clock = std::chrono::steady_clock;
  const int64_t step = progress.step + 1;
  StepResult result;
  result.loss_scale = progress.loss_scale.scale;
  // The scale is the mean loss's, and our gradients are of the sum over tokens.
  const double gradient_scale = result.loss_scale ? *result.loss_scale / static_cast<double>(plan.tokens_per_step()) : 1;
  model.zero_gradients();
  if (model.head() != nullptr) model.head()->begin_step(gradient_scale);

  const PipelineSchedule schedule = pipeline_schedule(plan.config.parallel.schedule, model.stage().placement, plan.accumulate);
  result.counts = run_schedule(model.stage(), schedule, [&](int64_t index) {
    const auto begin = Clock::now();
    MicroBatch batch = read_micro_batch(data, plan, mesh, progress.samples, index, model.stage().device);
    result.data_time_s += std::chrono::duration<double>(Clock::now() - begin).count();
    return batch;
  });
  model.reduce_gradients();

  const auto [loss_sum, tokens, squares, stops] = exchange_scalars(model, mesh, wish);
  if (tokens == 0)
    throw Error(Exit::failed, "step {}: none of its {} samples has a token to learn: each is the last one of its document", step,
                plan.global_batch)
        .hint("llmrun data inspect PREFIX tells how long documents are; --set data.document_masks=false learns across them");
  result.loss = loss_sum / tokens;
  result.tokens = static_cast<int64_t>(tokens);
  result.grad_norm = std::sqrt(squares) / tokens / gradient_scale;
  result.stop = strongest(stops);
  result.skipped = result.loss_scale && !std::isfinite(result.grad_norm);
  if (!std::isfinite(result.loss) || (!std::isfinite(result.grad_norm) && !result.skipped)) throw not_finite(plan, step, result);

  if (!result.skipped) {
    const OptimizerConfig& optimizer = plan.config.optimizer;
    const AdamWStep how{learning_rate(lr_plan(plan), step),
                        optimizer.betas[0],
                        optimizer.betas[1],
                        optimizer.eps,
                        optimizer.weight_decay,
                        step - progress.loss_scale.skipped_steps,
                        clip_coefficient(result.grad_norm, plan.config.train.clip_grad) / tokens / gradient_scale};
    for (ShardedState& state : model.states()) state.step(how);
  }
  progress = {step, progress.samples + plan.global_batch, progress.tokens + result.tokens,
              next_loss_scale(plan.config.train, progress.loss_scale, !result.skipped)};
  return result;
}

}  // namespace llmrun
