#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "engine/core/layout.h"
#include "engine/optim/adamw.h"

namespace llmrun {

/// Elements of a shard that one call of AdamW takes.
struct StepPiece {
  Interval at;
  bool decay;
};

/// Of a shard, in host memory: fp32 [shard] each.
struct OptimizerState {
  at::Tensor master, exp_avg, exp_avg_sq;
};

/// AdamW on the CPU for a shard that a device holds (ZeRO-Offload, Ren et al. 2021). `gradients`, fp32 [shard], come over piece by piece
/// and `parameters` [shard] go back so, through two buffers that the device reads and writes by itself (pinned): while the CPU works on
/// one, the other travels. On return nothing travels any more. On a CPU the device's memory is the host's, and it is all copied the same.
void step_on_host(const std::vector<StepPiece>& pieces, const OptimizerState& state, const at::Tensor& gradients,
                  const at::Tensor& parameters, const AdamWStep& how);

}  // namespace llmrun
