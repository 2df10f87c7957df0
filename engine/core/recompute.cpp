#include "engine/core/recompute.h"

#include <algorithm>

namespace llmrun {

std::vector<Recompute> unit_recompute(const std::vector<UnitId>& stage_units, const ParallelConfig& parallel) {
  const auto is_block = [](const UnitId& unit) { return unit.kind == UnitKind::block; };
  const int64_t blocks = std::count_if(stage_units.begin(), stage_units.end(), is_block);
  const int64_t wanted = std::min(blocks, parallel.recompute_layers.value_or(blocks));
  std::vector<Recompute> result;
  int64_t passed = 0;
  for (const UnitId& unit : stage_units) {
    // The first of each run of blocks that shares one of the wanted.
    const bool chosen = is_block(unit) && (passed * wanted) % blocks < wanted;
    result.push_back(chosen ? parallel.recompute : Recompute::none);
    if (is_block(unit)) ++passed;
  }
  return result;
}

int64_t recomputed_layers(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel) {
  const PipelinePlacement placement = pipeline_placement(layout, parallel);
  int64_t layers = 0;
  for (int64_t stage = 0; stage < layout.pipeline; ++stage)
    for (const Recompute how : unit_recompute(stage_units(shape, placement, stage, parallel.layers_per_stage), parallel))
      layers += how != Recompute::none ? 1 : 0;
  return layers;
}

}  // namespace llmrun
