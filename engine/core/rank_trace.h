#pragma once
#include "engine/core/json.h"
#include "engine/core/traffic.h"

namespace llmrun {

/// What one rank of a plan held and said in a training step that was made without data and without the others (train/trace_rank.h).
struct RankTrace {
  Traffic traffic;  // of the step, without its wiring before; no seconds
  // The most bytes of tensors at once. What an allocator rounds up and keeps, and kernels and communicators take beside their tensors, is
  // not among them.
  int64_t device_peak_bytes = 0;
  int64_t host_peak_bytes = 0;     // of what parallel.offload has there
  int64_t peak_micro_batches = 0;  // chunks of micro-batches between a forward and the end of its backward
};

/// Calls `visit(axis, verb, count)` with the names of each call that was made.
template <typename Visit>
void for_each_call(const Traffic& traffic, const Visit& visit) {
  for (size_t axis = 0; axis < kPurposes; ++axis)
    for (size_t verb = 0; verb < kVerbs; ++verb)
      if (const Traffic::Count& count = traffic.cells[axis].verbs[verb]; count.calls > 0)
        visit(kPurposeNames[axis], kVerbNames[verb], count);
}

/// One object for each call of an axis that was made: [{"axis", "call", "calls", "bytes"}].
json calls_json(const Traffic& traffic);

/// rank_trace_from_json(to_json(trace)) is trace again. Throws Error(Exit::failed) on anything else.
json to_json(const RankTrace& trace);
RankTrace rank_trace_from_json(const json& document);

}  // namespace llmrun
