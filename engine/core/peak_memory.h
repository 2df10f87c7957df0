#pragma once
#include <algorithm>

#include "engine/core/memory.h"
#include "engine/core/pipeline/schedule.h"
#include "engine/core/plan.h"

namespace llmrun {

/// Where a training step of one rank needs the most bytes of tensors, and what they are.
struct PeakMemory {
  StateBytes state;      // from the first step to the last
  int64_t kept = 0;      // activations that wait for their backward at that moment, with the tokens of their micro-batches, and the
                         // table of rotary angles
  int64_t working = 0;   // of the unit at work: its results before they are kept or sent on (unit_work.h)
  int64_t sharding = 0;  // whole parameters and gradients that ZeRO 2 and 3 have for a while, and shards under way
  int64_t away = 0;      // of activations in host memory: the most of a step, on a CPU what is there at that moment
  int64_t stepping = 0;  // in host memory while the optimizer steps, when no activation is left
  UnitId unit;           // at work
  bool closing = false;  // at the end of the step: the unit's gradients are summed, and the optimizer steps
  int64_t passing() const { return working + sharding; }
  int64_t total() const { return state.total() + kept + passing(); }  // of the device
  int64_t host() const { return state.host + std::max(away, stepping); }
};

/// Cosines and sines of every position, fp32: there from the first step to the last. 0 for learned positions.
int64_t rotary_table_bytes(const ModelShape& shape);

/// Walks the rank's part of the schedule as engine/parallel/pipeline_runner.cpp does. A device's allocator adds what it rounds up and
/// keeps for later; kernels and communicators have buffers of their own.
PeakMemory peak_memory(const Plan& plan, const PipelineSchedule& schedule, int64_t rank);

}  // namespace llmrun
