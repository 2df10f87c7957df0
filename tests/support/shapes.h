#pragma once
#include "engine/core/model_shape.h"

namespace llmrun {

/// A GPT-2 shape with everything else as its profile would leave it.
inline ModelShape gpt_shape(int64_t layers, int64_t hidden, int64_t heads, int64_t vocab, int64_t seq_len) {
  ModelConfig model;
  model.layers = layers;
  model.hidden = hidden;
  model.heads = heads;
  model.vocab = vocab;
  return model_shape(model, seq_len);
}

}  // namespace llmrun
