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
struct HostState {
  at::Tensor master, exp_avg, exp_avg_sq;
  at::Tensor parameters;  // compute precision; undefined: they are on the device, or the masters themselves
};

/// AdamW on the CPU (ZeRO-Offload, Ren et al. 2021). `gradients`, fp32 [shard], come from the device piece by piece, and what is new of
/// `parameters` [shard] goes back so, where the device has them (else undefined), through two buffers that the device reads and writes by
/// itself (pinned): while the CPU works on one, the other travels. On return nothing travels any more. On a CPU the device's memory is the
/// host's, and it is all copied the same.
void step_on_host(const std::vector<StepPiece>& pieces, const HostState& state, const at::Tensor& gradients, const at::Tensor& parameters,
                  const AdamWStep& how);

}  // namespace llmrun
