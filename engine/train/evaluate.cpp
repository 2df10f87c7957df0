#include "engine/train/evaluate.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "engine/train/train_step.h"

namespace llmrun {
namespace {

/// Micro-batches a stage that go through the pipeline before all stages wait for each other: no backward holds a fast stage back, and
/// what it sends waits in memory until the next one takes it.
constexpr int64_t kFlights = 4;

/// Of a micro-batch that begins at sample `first`, samples from `end` on count nothing.
MicroBatch without_samples_from(int64_t end, int64_t first, MicroBatch batch) {
  const int64_t counted = std::clamp<int64_t>(end - first, 0, batch.batch);
  batch.targets.narrow(0, counted * batch.seq, (batch.batch - counted) * batch.seq).fill_(-1);
  return batch;
}

}  // namespace

double evaluate(Model& model, const Mesh& mesh, const TrainingData& data, const Plan& plan, int64_t samples) {
  const int64_t each = mesh.layout().data * plan.config.train.micro_batch;  // samples of a micro-batch on all data ranks
  Plan whole = plan;                                                        // one long accumulation
  whole.accumulate = (samples + each - 1) / each;
  model.set_training(false);
  if (model.head() != nullptr) model.head()->begin_step();
  for (int64_t done = 0, some = 0; done < whole.accumulate; done += some) {
    some = std::min(kFlights * mesh.layout().pipeline, whole.accumulate - done);
    run_schedule(model.stage(), forward_only(model.stage().placement, some), [&](int64_t index) {
      return without_samples_from(samples, sample_of(whole, mesh, done + index),
                                  read_micro_batch(data, whole, mesh, 0, done + index, model.stage().device));
    });
    mesh.pipeline().barrier();
  }
  model.set_training(true);

  at::Tensor sums = at::zeros({2}, at::TensorOptions().dtype(at::kDouble));
  if (Head* head = model.head()) {
    if (mesh.where().tensor == 0) {
      sums.mutable_data_ptr<double>()[0] = head->loss_sum();
      sums.mutable_data_ptr<double>()[1] = static_cast<double>(head->tokens());
    }
    head->begin_step();
  }
  sums = sums.to(model.stage().device);
  mesh.world().all_reduce(sums).wait();
  sums = sums.to(at::kCPU);
  return sums.const_data_ptr<double>()[0] / sums.const_data_ptr<double>()[1];
}

}  // namespace llmrun
