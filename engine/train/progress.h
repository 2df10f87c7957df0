#pragma once
#include "engine/core/loss_scale.h"

namespace llmrun {

/// Where a run goes on: all that one step hands to the next besides the model and its optimizer.
struct Progress {
  int64_t step = 0;      // done
  int64_t samples = 0;   // consumed
  int64_t tokens = 0;    // learned from: those of the samples that have a next one in their document
  LossScale loss_scale;  // of the next step
};

}  // namespace llmrun
