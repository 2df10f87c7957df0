#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint/reader.h"

namespace llmrun {

/// A checkpoint as a line of a list.
struct CheckpointSummary {
  std::string name;  // of its directory
  int64_t step = 0;
  std::string time;  // UTC; these three are empty or 0 where the manifest cannot be read
  int64_t bytes = 0;
  Layout layout;
  std::string problem;  // why it cannot be used, as far as manifest, sizes and headers tell; empty: it can
};

/// All steps in a run's checkpoints/, newest first. Reads manifests and headers, no tensors.
std::vector<CheckpointSummary> list_checkpoints(const std::filesystem::path& checkpoints);

/// The checkpoints/ that a person means: of a run directory, or itself. Throws Error(Exit::usage) where there is none.
std::filesystem::path checkpoints_of(const std::filesystem::path& run);
/// The checkpoint of `step`, else the newest usable one. Throws Error(Exit::no_checkpoint) naming what there is; `notes`: see
/// FoundCheckpoint.
std::filesystem::path chosen_checkpoint(const std::filesystem::path& checkpoints, std::optional<int64_t> step,
                                        std::vector<std::string>& notes);

json to_json(const CheckpointSummary& summary);
/// All that the manifest knows but the places of the pieces.
json summary_json(const CheckpointReader& reader);

}  // namespace llmrun
