#pragma once
#include <cstdint>

#include "engine/core/layout.h"
#include "engine/core/spec/config.h"

namespace llmrun {

/// Which stage of a pipeline holds which part of the model. The model is cut into stages x chunks parts, numbered as they run; each stage
/// holds one part, or several that do not follow one another (its chunks).
struct PipelinePlacement {
  int64_t stages = 1;
  int64_t chunks = 1;
  bool vee = false;  // every second chunk runs back, so that the stage of the first part has the last one too (ZB-V)

  int64_t parts() const { return stages * chunks; }
  /// REQUIRES 0 <= part < parts().
  int64_t stage_of(int64_t part) const;
  int64_t chunk_of(int64_t part) const { return part / stages; }
  /// REQUIRES 0 <= stage < stages, 0 <= chunk < chunks.
  int64_t part_of(int64_t stage, int64_t chunk) const;
  /// Whether one stage has the embedding and the head.
  bool closes() const { return stage_of(parts() - 1) == 0; }
  friend bool operator==(const PipelinePlacement&, const PipelinePlacement&) = default;
};

PipelinePlacement pipeline_placement(const Layout& layout, const ParallelConfig& parallel);

}  // namespace llmrun
