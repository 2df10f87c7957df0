#include "engine/core/loss_scale.h"

#include "engine/core/error.h"

namespace llmrun {

LossScale loss_scale(const TrainConfig& train, LossScale saved) {
  if (train.precision != Precision::fp16) return {{}, 0, saved.skipped_steps};
  if (train.loss_scale) return {train.loss_scale, 0, saved.skipped_steps};
  if (!saved.scale) return {kFirstLossScale, 0, saved.skipped_steps};
  return saved;
}

LossScale next_loss_scale(const TrainConfig& train, LossScale now, bool finite) {
  if (!now.scale) return now;
  if (finite) {
    ++now.good_steps;
    if (!train.loss_scale && now.good_steps == kLossScaleGrowsAfter) now = {*now.scale * 2, 0, now.skipped_steps};
    return now;
  }
  if (train.loss_scale)
    throw Error(Exit::numerics, "a gradient overflows fp16 at the fixed loss scale {}", *train.loss_scale)
        .hint("--set train.loss_scale=auto, or a smaller one");
  if (*now.scale <= 1)
    throw Error(Exit::numerics, "a gradient overflows fp16 even at loss scale 1")
        .hint("--set train.precision=bf16, or a lower learning rate or a longer warm-up");
  return {*now.scale / 2, 0, now.skipped_steps + 1};
}

}  // namespace llmrun
