#pragma once
#include <cstdint>

#include "engine/core/layout.h"
#include "engine/core/model_shape.h"

namespace llmrun {

/// Of one number of the products and of what is kept for backward.
constexpr int64_t element_bytes(Precision precision) { return precision == Precision::fp32 ? 4 : 2; }

/// Bytes that a rank holds from the first step to the last.
struct StateBytes {
  int64_t parameters = 0;  // in the precision of the products
  int64_t gradients = 0;   // fp32
  int64_t optimizer = 0;   // Adam's two moments in fp32, and fp32 masters where the parameters are narrower
  int64_t host = 0;        // of these, what parallel.offload has in host memory; masters too, where the parameters are not there as fp32
  int64_t total() const { return parameters + gradients + optimizer; }  // of the device
  friend bool operator==(const StateBytes&, const StateBytes&) = default;
};

/// The sum over the units of `rank`'s stage (parameters.h), padding and the copy of a tied embedding included.
/// A parameter costs 4 + 4 + 8 bytes in fp32, 2 + 4 + 12 in bf16; with ZeRO (Rajbhandari et al. 2020) the ranks that share gradients
/// (shard_ranks) divide the optimizer's part from stage 1 on, the gradients' from 2 and the parameters' from 3, in shards of
/// shard_elements() a unit, and what is whole is as long as those shards together. REQUIRES what unit_parameters() does.
StateBytes state_bytes(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, Precision precision, int64_t rank);

/// Elements that travel at once between a device and host memory in an offloaded step (engine/parallel/host_step.h): enough for a bus, and
/// few enough for a cache.
constexpr int64_t kTravelling = 1 << 20;
/// Host bytes of the two buffers that they travel in, which are there while a unit of `rank` steps: those of its longest shard. 0 where
/// nothing is offloaded.
int64_t host_step_bytes(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, Precision precision, int64_t rank);

/// Whether ZeRO 2 and 3 keep this unit's gradients whole until the end of a step: the two copies of a tied embedding, on the first stage
/// and the last, are summed before they are divided.
bool keeps_whole_gradients(const ModelShape& shape, const PipelinePlacement& placement, const UnitId& unit);

/// Tensor bytes of one checkpoint of the whole model, at any layout: the fp32 weight and Adam's two moments, 12 a parameter. Headers and
/// the manifest come on top: kilobytes a rank.
int64_t checkpoint_bytes(const ModelShape& shape);

}  // namespace llmrun
