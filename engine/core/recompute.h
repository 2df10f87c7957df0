#pragma once
#include <cstdint>
#include <vector>

#include "engine/core/layout.h"
#include "engine/core/model_shape.h"

namespace llmrun {

/// What each of a stage's units makes again in backward instead of keeping it. full (Chen et al. 2016): all but the unit's input. selective
/// (Korthikanti et al. 2022, section 5, for a kernel that never keeps scores): the result of attention, and of the norms. Of the stage's
/// blocks `parallel.recompute_layers`, spread evenly: with half of them every second one. Embedding and head never: they keep next to
/// nothing.
std::vector<Recompute> unit_recompute(const std::vector<UnitId>& stage_units, const ParallelConfig& parallel);

/// The blocks of the whole model that are computed again.
int64_t recomputed_layers(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel);

}  // namespace llmrun
