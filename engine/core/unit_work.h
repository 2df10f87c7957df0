#pragma once
#include <cstdint>

#include "engine/core/layout.h"
#include "engine/core/model_shape.h"

namespace llmrun {

/// The most that stands while a unit works on one micro-batch of one rank, in bytes of tensors: what a kernel needs for itself (the tiles
/// of attention, partial sums) is not among them.
struct UnitWork {
  int64_t forward = 0;          // beside its input; what it keeps and hands on counts
  int64_t backward_input = 0;   // beside what it kept and the gradient that came
  int64_t backward_weight = 0;  // beside what backward_input left
};

/// Follows engine/model and engine/parallel statement by statement; tests hold it against what an allocator counts on a CPU. A CPU makes
/// the gradient of a bf16 weight apart before it adds it, a GPU does not: `separate_products`. Plain attention is told roughly: its scores,
/// three times over.
UnitWork unit_work(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
                   const UnitId& unit, const Coordinates& where, bool separate_products);

}  // namespace llmrun
