#include "engine/core/memory.h"

#include <algorithm>

#include "engine/core/parameters.h"

namespace llmrun {

namespace {

/// Calls `visit(unit, elements of a shard)` for each unit of the rank's stage.
template <typename Visit>
void for_each_shard(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, int64_t rank, Visit visit) {
  const Coordinates where = coordinates(layout, rank);
  const Cut cut = cut_of(layout, parallel, where);
  const int64_t sharers = shard_ranks(layout, parallel);
  const PipelinePlacement placement = pipeline_placement(layout, parallel);
  for (const UnitId& unit : stage_units(shape, placement, where.pipeline, parallel.layers_per_stage))
    visit(unit, shard_elements(unit_parameters(shape, unit, cut).elements, sharers));
}

}  // namespace

StateBytes state_bytes(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, Precision precision, int64_t rank) {
  const int64_t sharers = shard_ranks(layout, parallel);
  const bool optimizer_away = parallel.offloads(Offload::optimizer), parameters_away = parallel.offloads(Offload::parameters);
  const bool has_masters = optimizer_away != parameters_away || precision != Precision::fp32;

  StateBytes bytes;
  const PipelinePlacement placement = pipeline_placement(layout, parallel);
  for_each_shard(shape, layout, parallel, rank, [&](const UnitId& unit, int64_t shard) {
    const int64_t whole = shard * sharers;
    (parameters_away ? bytes.host : bytes.parameters) += (parallel.zero >= 3 ? shard : whole) * element_bytes(precision);
    bytes.gradients += (parallel.zero >= 2 && !keeps_whole_gradients(shape, placement, unit) ? shard : whole) * 4;
    (optimizer_away ? bytes.host : bytes.optimizer) += shard * (has_masters ? 12 : 8);
  });
  return bytes;
}

int64_t host_step_bytes(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, Precision precision, int64_t rank) {
  if (!parallel.offloads(Offload::optimizer)) return 0;
  int64_t longest = 0;
  for_each_shard(shape, layout, parallel, rank, [&](const UnitId&, int64_t shard) { longest = std::max(longest, shard); });
  const int64_t goes_back = parallel.offloads(Offload::parameters) ? 0 : element_bytes(precision);
  return 2 * std::min(kTravelling, longest) * (4 + goes_back);
}

bool keeps_whole_gradients(const ModelShape& shape, const PipelinePlacement& placement, const UnitId& unit) {
  return shape.tie_embeddings && !placement.closes() && unit.kind != UnitKind::block;
}

int64_t checkpoint_bytes(const ModelShape& shape) { return 12 * parameter_count(shape); }

}  // namespace llmrun
