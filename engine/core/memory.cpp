#include "engine/core/memory.h"

#include <cassert>

#include "engine/core/parameters.h"

namespace llmrun {

StateBytes state_bytes(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, Precision precision, int64_t rank) {
  assert(parallel.zero == 0 || parallel.zero == 1);
  const Coordinates where = coordinates(layout, rank);
  const Cut cut = cut_of(layout, parallel, where);
  const int64_t sharers = parallel.zero > 0 ? layout.data * layout.context * layout.sequence_size : 1;
  const bool narrow = precision != Precision::fp32;

  StateBytes bytes;
  for (const UnitId& unit : stage_units(shape, pipeline_placement(layout, parallel), where.pipeline, parallel.layers_per_stage)) {
    const int64_t elements = unit_parameters(shape, unit, cut).elements;
    const int64_t shard = shard_elements(elements, sharers);
    bytes.parameters += shard * sharers * (narrow ? 2 : 4);
    bytes.gradients += shard * sharers * 4;
    bytes.optimizer += shard * (narrow ? 12 : 8);
  }
  return bytes;
}

int64_t checkpoint_bytes(const ModelShape& shape) { return 12 * parameter_count(shape); }

}  // namespace llmrun
