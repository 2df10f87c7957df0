#pragma once
#include <cstdint>
#include <vector>

namespace llmrun {

/// One thing a pipeline stage does. A schedule is plain data: it exists before any tensor does, so that tests print it, the planner
/// simulates it, and the runner (engine/parallel/pipeline_runner.h) only walks it. Receives and sends follow from it: a forward takes
/// the activation of the stage before and sends to the one after, a backward the other way round.
struct StageAction {
  enum class Kind { forward, backward };
  Kind kind;
  int64_t micro_batch;
  friend bool operator==(const StageAction&, const StageAction&) = default;
};

/// One forward, one backward (PipeDream-flush; Narayanan et al. 2021, section 2.2). A stage holds at most `stages - stage` micro-batches
/// of activations. REQUIRES 0 <= stage < stages.
std::vector<StageAction> one_forward_one_backward(int64_t stage, int64_t stages, int64_t micro_batches);

/// Forwards only: evaluation.
std::vector<StageAction> forward_only(int64_t micro_batches);

/// The most micro-batches a stage holds at once: between a forward and the same micro-batch's backward.
int64_t peak_micro_batches(const std::vector<StageAction>& actions);

/// The share of a step that the stages stand still under 1F1B, of the ideal time: (stages - 1) / micro_batches (Narayanan et al. 2021,
/// section 2.2.1).
double pipeline_bubble(int64_t stages, int64_t micro_batches);

}  // namespace llmrun
