#pragma once
#include <cstdint>
#include <vector>

#include "engine/core/pipeline/placement.h"
#include "engine/core/spec/config.h"

namespace llmrun {

// What is shared out over a layout (a sample's tokens, a batch, layers, chunks, groups) goes by steps: which, and what fits them.

/// The largest divisor of `number` that is not above `most`.
int64_t divisor_below(int64_t number, int64_t most);

/// The multiples of `step` on both sides of `number`; `below` is 0 where there is none.
struct Multiples {
  int64_t below, above;
};
Multiples multiples_around(int64_t number, int64_t step);

/// What has to divide a step's micro-batches.
int64_t micro_batch_step(const ParallelConfig& parallel, const Layout& layout);
/// What has to divide the sequences of a step.
int64_t batch_step(const Config& config, const Layout& layout);
/// What has to divide a sample's tokens: what its ranks share out, and the tensor ranks where they slice a micro-batch of it.
int64_t length_step(const Config& config, const Layout& layout);
/// The next length that can be shared out, or the one before where the model's positions end.
int64_t good_length(const Config& config, const Layout& layout);
/// Layers of the stage that has most, in all its chunks.
int64_t most_layers(int64_t layers, const PipelinePlacement& placement, const std::vector<int64_t>& split);

/// Sets what is shared out over a layout to the nearest that can be: train.seq_len, and where they are set or the schedule wants it
/// parallel.layers_per_stage, parallel.virtual_pipeline, parallel.shard_group, parallel.recompute_layers, train.global_batch and
/// train.accumulate.
void share_out(Config& config, const Layout& layout);

}  // namespace llmrun
