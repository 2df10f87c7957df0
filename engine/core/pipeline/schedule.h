#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/pipeline/placement.h"

namespace llmrun {

/// One thing a pipeline stage does with one micro-batch and one of its chunks.
struct StageAction {
  enum class Kind {
    forward,
    backward,         // both parts at once
    backward_input,   // the gradient of the chunk's input, for the stage before
    backward_weight,  // the gradients of its weights, which nobody waits for
  };
  Kind kind;
  int64_t micro_batch;
  int64_t chunk = 0;
  friend bool operator==(const StageAction&, const StageAction&) = default;
};
std::string spelling(const StageAction& action);  // "F0", "B3", "W3"; of several chunks "F0.1"

/// What every stage does, in order. A schedule is plain data: it exists before any tensor does, so that tests print it, the planner
/// simulates it (simulation.h), and the runner (engine/parallel/pipeline_runner.h) only walks it. Who sends what to whom follows from it
/// and the placement: a forward of a part takes the activation of the part before, a backward the gradient of the part behind.
struct PipelineSchedule {
  PipelinePlacement placement;
  std::vector<std::vector<StageAction>> stages;
};

/// REQUIRES placement as pipeline_placement() makes it for this schedule, and for Schedule::interleaved micro-batches that are a multiple
/// of the stages.
///   gpipe          Huang et al. 2019: all forwards, then all backwards. A stage holds every micro-batch.
///   1f1b           PipeDream-flush; Narayanan et al. 2021, section 2.2.1: a stage holds at most stages - stage micro-batches.
///   interleaved    Narayanan et al. 2021, section 2.2.2: 1F1B over chunks, in groups of as many micro-batches as there are stages.
///   zero_bubble    ZB-H1; Qi et al. 2023, section 2.2: weights wait for as many micro-batches as the stage's number, so that no stage
///   holds
///                  more than 1F1B's first.
///   zero_bubble_v  ZB-V; Qi et al. 2023, section 6: two chunks a stage, there and back, with the memory of 1F1B's first stage on all.
PipelineSchedule pipeline_schedule(Schedule schedule, const PipelinePlacement& placement, int64_t micro_batches);

/// Forwards only, in groups of as many micro-batches as there are stages: evaluation.
PipelineSchedule forward_only(const PipelinePlacement& placement, int64_t micro_batches);

/// The most chunks of micro-batches a stage holds at once: from a forward to the end of the same one's backward.
int64_t peak_micro_batches(const std::vector<StageAction>& actions);

}  // namespace llmrun
