#pragma once
#include <cstdint>

#include "engine/core/loss_scale.h"
#include "engine/core/shape_json.h"

namespace llmrun {

/// What a checkpoint knows besides tensors. Randomness is a function of (seed, samples), so these two are the whole generator state.
struct Snapshot {
  int64_t step = 0;     // optimizer steps done
  int64_t samples = 0;  // consumed by those steps
  uint64_t seed = 0;
  Layout layout;  // that wrote it; a reader needs no other
  ModelShape model;
  json config = json::object();  // resolved, as in plan.json: so that a resume can tell what changed
  LossScale loss_scale;          // of the next step
  int64_t tokens = 0;            // that those samples were learned from: the last of a document has no next one
};

}  // namespace llmrun
