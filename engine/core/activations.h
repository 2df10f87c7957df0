#pragma once
#include <cstdint>
#include <vector>

#include "engine/core/layout.h"
#include "engine/core/model_shape.h"
#include "engine/core/pipeline/schedule.h"

namespace llmrun {

/// What every unit handles of one micro-batch on one rank, in bytes.
struct RowBytes {
  RowBytes(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train);
  int64_t element;     // of one number
  int64_t tokens;      // how many, before the tensor axis slices them
  int64_t whole;       // a tensor of [tokens, hidden]
  int64_t row;         // of [tokens of this rank, hidden]
  int64_t statistics;  // of one norm
};

/// What a unit keeps of one micro-batch on one rank, in bytes: engine/parallel/saved.h, counted by parameters alone.
struct KeptActivations {
  int64_t after_forward = 0;         // with what is computed again left out
  int64_t before_backward = 0;       // with it
  int64_t after_backward_input = 0;  // what the gradients of the weights still want
};

/// For a transformer block of T tokens in compute dtype, without a parallel axis (Korthikanti et al. 2022, section 4.1, less what a fused
/// attention and our backward need not keep): input, two norm outputs and the middle, 4 T hidden; qkv and the result of attention,
/// T (2 heads + 2 kv_heads) head_dim; the input of the activation, T ffn (SwiGLU: 2 T ffn); in fp32 the norms' statistics and a number a
/// head and token. Sequence, context and, where norms are sliced, tensor ranks divide T; tensor ranks divide heads and ffn.
KeptActivations kept_activations(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
                                 const UnitId& unit, Recompute how, int64_t tensor_rank);

/// The most that `rank` keeps at once while its stage does `actions`: micro-batches in flight, and what recompute brings back of the unit
/// whose backward begins. The buffers of the kernel at work come on top.
int64_t peak_activations(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
                         const std::vector<StageAction>& actions, int64_t rank);

}  // namespace llmrun
