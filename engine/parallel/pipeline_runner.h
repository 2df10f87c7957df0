#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "engine/comm/mesh.h"
#include "engine/core/pipeline_schedule.h"
#include "engine/core/spec/config.h"
#include "engine/parallel/unit.h"

namespace llmrun {

/// What a stage needs to walk a schedule.
struct Stage {
  std::vector<std::unique_ptr<Unit>> units;  // in running order
  const Mesh* mesh = nullptr;                // not owned
  Recompute recompute = Recompute::none;
  /// The tensor a stage takes from the one before and hands to the next.
  int64_t tokens_local = 0;
  int64_t hidden = 0;
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

/// Counted while walking, so that tests can hold schedule, recompute and memory formulas against what really happened.
struct StageCounts {
  int64_t peak_micro_batches = 0;
  int64_t peak_saved_bytes = 0;
};

/// Walks a schedule: posts each receive one action ahead, and never waits for a send before the end, so that no stage is blocked by a
/// slow neighbour. `micro_batch(i)` makes the i-th micro-batch of the step; it is asked once for each, when its forward starts.
/// Adds gradients to the units' buffers; on the last stage the head keeps the losses.
StageCounts run_schedule(Stage& stage, const std::vector<StageAction>& actions, const std::function<MicroBatch(int64_t)>& micro_batch);

}  // namespace llmrun
