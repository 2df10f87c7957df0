#include "engine/core/memory.h"

#include "engine/core/parameters.h"

namespace llmrun {

StateBytes state_bytes(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, Precision precision, int64_t rank) {
  const Coordinates where = coordinates(layout, rank);
  const Cut cut = cut_of(layout, parallel, where);
  const int64_t sharers = shard_ranks(layout, parallel);
  const bool narrow = precision != Precision::fp32;

  StateBytes bytes;
  const PipelinePlacement placement = pipeline_placement(layout, parallel);
  for (const UnitId& unit : stage_units(shape, placement, where.pipeline, parallel.layers_per_stage)) {
    const int64_t elements = unit_parameters(shape, unit, cut).elements;
    const int64_t shard = shard_elements(elements, sharers), whole = shard * sharers;
    bytes.parameters += (parallel.zero >= 3 ? shard : whole) * element_bytes(precision);
    bytes.gradients += (parallel.zero >= 2 && !keeps_whole_gradients(shape, placement, unit) ? shard : whole) * 4;
    bytes.optimizer += shard * (narrow ? 12 : 8);
  }
  return bytes;
}

bool keeps_whole_gradients(const ModelShape& shape, const PipelinePlacement& placement, const UnitId& unit) {
  return shape.tie_embeddings && !placement.closes() && unit.kind != UnitKind::block;
}

int64_t checkpoint_bytes(const ModelShape& shape) { return 12 * parameter_count(shape); }

}  // namespace llmrun
