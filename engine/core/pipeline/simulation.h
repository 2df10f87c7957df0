#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/core/pipeline/schedule.h"

namespace llmrun {

/// How long a part of the model takes for a micro-batch, in any unit. A backward in one piece takes the sum of its two parts.
struct PartTimes {
  double forward = 1;
  double backward_input = 1;
  double backward_weight = 1;
  double all() const { return forward + backward_input + backward_weight; }
};

/// A step as it would run: each stage does its actions in order, each as soon as its input is there. Sends take no time and block nobody.
struct PipelineTimeline {
  struct Span {
    StageAction action;
    double begin = 0, end = 0;
  };
  std::vector<std::vector<Span>> stages;
  double end = 0;

  /// How long a stage works.
  double busy(int64_t stage) const;
  /// The time that the stage with most work stands still, as a share of its work: 0 is a perfect pipeline.
  double bubble() const;
};

/// `times`: one for each part of the placement. Throws Error(Exit::failed) that names the first action of each stage that never comes
/// about, where a schedule waits for itself.
PipelineTimeline simulate(const PipelineSchedule& schedule, const std::vector<PartTimes>& times);

/// From how many micro-batches on the papers' formula holds: with fewer, zero-bubble schedules have not enough gradients of weights to fill
/// every wait with.
int64_t micro_batches_of_formula(Schedule schedule, const PipelinePlacement& placement);

/// What the papers say of the bubble where all parts take the same time: as a share of the work. (stages - 1)(F + B + W) / chunks of 1F1B,
/// GPipe and interleaved (Narayanan et al. 2021), (stages - 1)(F + B - W) of ZB-H1 (Qi et al. 2023, table 1), half of that of ZB-V, over
/// micro_batches x (F + B + W). Nothing where there are too few micro-batches for it to hold.
std::optional<double> bubble_formula(Schedule schedule, const PipelinePlacement& placement, int64_t micro_batches, const PartTimes& part);

}  // namespace llmrun
