#pragma once
#include <cstdint>
#include <optional>

#include "engine/core/spec/config.h"

namespace llmrun {

/// What the mean loss is multiplied by before backward, so that fp16 does not round small gradients to zero (Micikevicius et al. 2018,
/// section 3.2). `train.loss_scale` keeps it as it is; else it follows the gradients in the arithmetic of torch.amp.GradScaler: from 2^16,
/// halved after a step with a gradient that is not finite, doubled after 2000 steps without one. Such a step leaves the weights alone.
/// Every rank knows it: it is a function of what all ranks learn after each step.
struct LossScale {
  std::optional<double> scale;  // none: the precision wants none
  int64_t good_steps = 0;       // since it last changed
  int64_t skipped_steps = 0;    // of the run: AdamW has not seen them
  friend bool operator==(const LossScale&, const LossScale&) = default;
};

inline constexpr double kFirstLossScale = 65536;
inline constexpr int64_t kLossScaleGrowsAfter = 2000;  // steps

/// Of a run that begins, or that goes on from `saved`, maybe in another precision.
LossScale loss_scale(const TrainConfig& train, LossScale saved = {});

/// For the next step, after one whose gradients were `finite`.
/// Throws Error(Exit::numerics) where no smaller scale is left to try: it is fixed, or 1 already.
LossScale next_loss_scale(const TrainConfig& train, LossScale now, bool finite);

}  // namespace llmrun
