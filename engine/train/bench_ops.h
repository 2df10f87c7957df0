#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/train/bench_step.h"

namespace llmrun {

struct OpTiming {
  std::string name;
  double median_s = 0;
  int64_t bytes = 0;  // that it has to read and write once, caches aside; 0: products bound it
  double flops = 0;   // of its products; 0: memory bounds it
};

/// The operations of one rank's training step, each timed by itself on random numbers, `steps` calls of each behind `warmup`; recompute has
/// no part in it. The first two, larger than caches, are what the memory gives. The optimizer's work on the parameters of all layers; what
/// else there is comes once a layer, embedding and head once.
inline constexpr int kMemoryOps = 2;
std::vector<OpTiming> bench_ops(const BenchStepOptions& options);

}  // namespace llmrun
