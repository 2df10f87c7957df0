#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "engine/core/model_shape.h"

namespace llmrun {

/// The operations of one rank's training step, each timed by itself on random numbers.
struct BenchOpsOptions {
  ModelShape shape;
  Precision precision = Precision::fp32;
  AttentionKind attention = AttentionKind::automatic;
  int64_t seq_len = 512;
  int64_t micro_batch = 4;
  int64_t warmup = 2;
  int64_t calls = 5;             // measured, of each
  at::Device device = at::kCPU;  // prepared (engine/rank/device.h)
};

struct OpTiming {
  std::string name;
  double median_s = 0;
  int64_t bytes = 0;  // that it has to read and write once, caches aside; 0: products bound it
  double flops = 0;   // of its products; 0: memory bounds it
};

/// The first two, larger than caches, are what the memory gives. The optimizer's work on the parameters of all layers; what else
/// there is comes once a layer, embedding and head once.
inline constexpr int kMemoryOps = 2;
std::vector<OpTiming> bench_ops(const BenchOpsOptions& options);

}  // namespace llmrun
