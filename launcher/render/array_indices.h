#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace llmrun {

/// What job.array says: which elements, and how many of them at once. What it does not say is empty.
struct ArrayIndices {
  std::optional<int64_t> first, last;  // both or none; of one element they are equal
  std::optional<int64_t> at_once;      // above 0
};

/// Of "0-7", "0-7%2", "3", "%2" or "". Nothing of another form: lists ("1,5"), which Slurm takes, PBS does not.
std::optional<ArrayIndices> parse_array_indices(std::string_view text);

}  // namespace llmrun
