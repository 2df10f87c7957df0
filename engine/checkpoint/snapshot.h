#pragma once
#include <cstdint>

#include "engine/core/json.h"
#include "engine/core/layout.h"
#include "engine/core/model_shape.h"

namespace llmrun {

/// What a checkpoint knows besides tensors. Randomness is a function of (seed, samples), so these two are the whole generator state.
struct Snapshot {
  int64_t step = 0;     // optimizer steps done
  int64_t samples = 0;  // consumed by those steps
  uint64_t seed = 0;
  Layout layout;  // that wrote it; a reader needs no other
  ModelShape model;
  json config = json::object();  // resolved, as in plan.json: so that a resume can tell what changed
};

json layout_json(const Layout& layout);
json model_json(const ModelShape& model);
/// Throw json::exception where a key is missing or has another type, std::invalid_argument where a word is unknown.
Layout layout_from_json(const json& from);
ModelShape model_from_json(const json& from);

}  // namespace llmrun
