#pragma once
#include <cstdint>

#include "engine/core/layout.h"
#include "engine/core/model_shape.h"
#include "engine/core/traffic.h"

namespace llmrun {

/// Tokens whose logits exist at once in the loss: as many as keep the fp32 logits of a tensor rank within 16 MiB, at least 64.
/// The same on every rank of the tensor axis, which meets twice a chunk.
int64_t loss_chunk(int64_t tokens, int64_t vocab, int64_t tensor);

/// Calls and bytes of one training step on one rank, by purpose, counted as Traffic counts them: what the trainer's counters must show,
/// exactly (tests/parity/counted_test.cpp). No evaluation, no checkpoint.
///
/// tensor: an all-reduce (or with sequence parallelism a reduce-scatter) of [tokens, hidden] after each row linear and before each
/// column linear's input gradient (Shoeybi et al. 2019, section 3), with sequence parallelism also an all-gather before each column
/// linear, before each row linear's gradient and once more for each column linear's weight gradient (Korthikanti et al. 2022, section
/// 4.2.2); two small all-reduces a loss chunk; partial gradients. pipeline: one send each way and micro-batch, and the tied embedding's
/// gradient. sequence: an all-to-all each of qkv and of the result, and
/// backwards (Jacobs et al. 2023). context: keys and values round the ring in both passes, in backward also their gradients in fp32.
/// data: the gradient buffers, with ZeRO also the parameters' all-gathers, and the shards once more over the groups that hold the same.
/// control: the step's scalars.
Traffic step_traffic(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
                     int64_t accumulate, int64_t rank);

/// fp64 scalars that every rank of the world sums once a step: loss, tokens, squares of the gradient, wish to stop.
inline constexpr int64_t kStepScalars = 4;

}  // namespace llmrun
