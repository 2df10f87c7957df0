#include "engine/train/evaluate.h"

#include <ATen/ops/zeros.h>

#include "engine/train/train_step.h"

namespace llmrun {

double evaluate(Model& model, const Mesh& mesh, const TrainingData& data, const Plan& plan, int64_t samples) {
  const int64_t each = mesh.layout().data * plan.config.train.micro_batch;  // samples of a micro-batch on all data ranks
  Plan whole = plan;                                                        // one long accumulation
  whole.accumulate = (samples + each - 1) / each;
  if (Head* head = model.head()) {
    head->reset_loss();
    head->set_training(false);
  }
  run_schedule(model.stage(), forward_only(whole.accumulate),
               [&](int64_t index) { return read_micro_batch(data, whole, mesh, 0, index, model.stage().device); });

  at::Tensor sums = at::zeros({2}, at::TensorOptions().dtype(at::kDouble));
  if (Head* head = model.head()) {
    if (mesh.where().tensor == 0) {
      sums.mutable_data_ptr<double>()[0] = head->loss_sum();
      sums.mutable_data_ptr<double>()[1] = static_cast<double>(head->tokens());
    }
    head->set_training(true);
    head->reset_loss();
  }
  sums = sums.to(model.stage().device);
  mesh.world().all_reduce(sums).wait();
  sums = sums.to(at::kCPU);
  return sums.const_data_ptr<double>()[0] / sums.const_data_ptr<double>()[1];
}

}  // namespace llmrun
