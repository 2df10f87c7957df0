#pragma once
#include <filesystem>
#include <optional>

#include "engine/core/error.h"

namespace llmrun {

/// The code of a run whose ranks stopped cleanly, with a checkpoint (RunPaths::stopped): 75, or 128 + signal. Whoever started them may
/// have been told to stop as well, and then ends with a code of its own. Where the file cannot be written, that code is all there is.
void write_stop_report(const std::filesystem::path& file, Exit code) noexcept;

/// Nothing where the ranks did not stop so.
std::optional<int> read_stop_report(const std::filesystem::path& file);

}  // namespace llmrun
