#pragma once
#include <ATen/core/grad_mode.h>

#include <functional>

#include "engine/model/initial_weights.h"
#include "engine/train/train_step.h"
#include "engine/train/trainer.h"
#include "tests/support/ranks.h"

namespace llmrun {

/// On every rank of the plan, as threads of this process: its model with weights made by seed, and its data.
inline void run_seeded(const Plan& plan, const std::function<void(const Mesh&, Model&, const TrainingData&)>& rank_main) {
  run_mesh(plan, [&](const Mesh& mesh) {
    const at::NoGradGuard no_grad;
    Model model(model_options(plan, at::kCPU), mesh);
    for (ShardedState& state : model.states()) initialise(state, 1);
    model.publish();
    rank_main(mesh, model, TrainingData::training(plan.config.data, {plan.config.train.seq_len, 1, plan.model.vocab}));
  });
}

}  // namespace llmrun
