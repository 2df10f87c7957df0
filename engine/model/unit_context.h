#pragma once
#include "engine/comm/mesh.h"
#include "engine/core/model_shape.h"
#include "engine/core/spec/config.h"
#include "engine/ops/rotary.h"
#include "engine/parallel/tensor_region.h"

namespace llmrun {

/// What all units of a rank share. Lives as long as they do.
struct UnitContext {
  ModelShape shape;
  const Mesh* mesh = nullptr;  // not owned
  TensorRegion region;         // the border of the tensor axis
  AttentionKind attention = AttentionKind::flash;
  RotaryTable rotary;      // empty with learned positions
  uint64_t seed = 0;       // of dropout
  int64_t loss_chunk = 0;  // tokens whose logits exist at once
  bool training = true;    // false: a loss without dropout and without gradients

  double dropout() const { return training ? shape.dropout : 0; }
};

}  // namespace llmrun
