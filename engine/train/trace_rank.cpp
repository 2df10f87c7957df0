#include "engine/train/trace_rank.h"

#include <ATen/core/grad_mode.h>

#include "engine/comm/counting.h"
#include "engine/core/parameters.h"
#include "engine/ops/meta_kernels.h"
#include "engine/ops/meta_memory.h"
#include "engine/train/train_step.h"
#include "engine/train/trainer.h"

namespace llmrun {

RankTrace trace_rank(const Plan& plan, int64_t rank) {
  know_meta_kernels();
  const at::NoGradGuard no_grad;
  const MetaMemory memory;
  const Mesh mesh(make_counting_world(static_cast<int>(rank), static_cast<int>(plan.ranks())), plan.layout, plan.model.kv_heads,
                  shard_ranks(plan.layout, plan.config.parallel));
  Model model(model_options(plan, at::kMeta), mesh);
  const TrainingData data = TrainingData::training({}, {plan.config.train.seq_len, 0, plan.model.vocab});
  Progress progress{.loss_scale = loss_scale(plan.config.train)};
  const Traffic wiring = mesh.traffic();
  const StepResult step = train_step(model, mesh, data, plan, progress);
  return {mesh.traffic().since(wiring), memory.device().peak, memory.host().peak, step.counts.peak_micro_batches};
}

}  // namespace llmrun
