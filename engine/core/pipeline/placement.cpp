#include "engine/core/pipeline/placement.h"

namespace llmrun {

int64_t PipelinePlacement::stage_of(int64_t part) const {
  const int64_t along = part % stages;
  return vee && chunk_of(part) % 2 == 1 ? stages - 1 - along : along;
}

int64_t PipelinePlacement::part_of(int64_t stage, int64_t chunk) const {
  return chunk * stages + (vee && chunk % 2 == 1 ? stages - 1 - stage : stage);
}

PipelinePlacement pipeline_placement(const Layout& layout, const ParallelConfig& parallel) {
  const bool vee = parallel.schedule == Schedule::zero_bubble_v;
  return {layout.pipeline, vee ? 2 : parallel.virtual_pipeline, vee};
}

}  // namespace llmrun
