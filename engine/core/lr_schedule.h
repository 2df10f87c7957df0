#pragma once
#include <cstdint>

#include "engine/core/spec/config.h"

namespace llmrun {

/// The learning rate of a run, as numbers: OptimizerConfig with its open ends filled in.
struct LrPlan {
  LrSchedule schedule = LrSchedule::cosine;
  double lr = 0;
  double min_lr = 0;
  int64_t warmup_steps = 0;
  int64_t steps = 0;  // of the whole run
};

/// At step 1, 2, ... steps: rises in a line to `lr` at step warmup_steps, then falls by half a cosine or in a line to `min_lr` at the last
/// step, or stays. Past the end it stays at min_lr. Throws Error(Exit::config) for wsd, which is not built.
double learning_rate(const LrPlan& plan, int64_t step);

}  // namespace llmrun
