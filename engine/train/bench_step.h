#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "engine/core/model_shape.h"

namespace llmrun {

/// One training step on one rank, timed over and over on tokens made by seed.
struct BenchStepOptions {
  ModelShape shape;
  Precision precision = Precision::fp32;
  AttentionKind attention = AttentionKind::automatic;
  Recompute recompute = Recompute::none;
  int64_t seq_len = 512;
  int64_t micro_batch = 4;
  int64_t warmup = 2;
  int64_t steps = 5;
  at::Device device = at::kCPU;  // prepared (engine/rank/device.h)
};

struct BenchStepResult {
  std::vector<double> step_times_s;  // one a step, after the warm-up
  double median_s = 0;
  double tokens_per_s = 0;         // at the median
  double model_tflops = 0;         // attention in full
  double model_tflops_causal = 0;  // attention by halves
  double hardware_tflops = 0;
  int64_t parameters = 0;
  int64_t mem_peak_bytes = 0;  // on the device
};

BenchStepResult bench_step(const BenchStepOptions& options);

}  // namespace llmrun
