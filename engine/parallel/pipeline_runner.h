#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "engine/comm/mesh.h"
#include "engine/core/pipeline/schedule.h"
#include "engine/core/spec/config.h"
#include "engine/parallel/presence.h"
#include "engine/parallel/unit.h"

namespace llmrun {

/// What a stage needs to walk a schedule.
struct Stage {
  std::vector<std::unique_ptr<Unit>> units;  // in running order, chunk after chunk
  PipelinePlacement placement;
  std::vector<Interval> chunks;      // of units
  std::vector<UnitStates> states;    // of units; none: their buffers are always there
  StageLog* log = nullptr;           // not owned; null: nothing is noted
  const Mesh* mesh = nullptr;        // not owned
  std::vector<Recompute> recompute;  // of units; none: nothing is computed again
  bool offloads_activations = false;
  /// The tensor a stage takes from the one before and hands to the next.
  int64_t tokens_local = 0;
  int64_t hidden = 0;
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

/// Counted while walking, so that tests can hold schedule, recompute and memory formulas against what really happened.
struct StageCounts {
  int64_t peak_micro_batches = 0;  // chunks of micro-batches, between a forward and the end of its backward
  int64_t peak_saved_bytes = 0;    // between one unit's work and the next
};

/// Walks this stage's actions of a schedule. Receives are posted one action ahead and, since nothing but their order says which message is
/// which, in the order in which the other stage's own actions send; a send is never waited for before the end. So no stage is blocked by a
/// slow neighbour. `micro_batch(i)` makes the i-th micro-batch of the step; it is asked when a chunk's forward of it starts.
/// Adds gradients to the units' buffers; the head keeps the losses. REQUIRES the stage's placement to be the schedule's.
StageCounts run_schedule(Stage& stage, const PipelineSchedule& schedule, const std::function<MicroBatch(int64_t)>& micro_batch);

}  // namespace llmrun
