#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "engine/parallel/stage_log.h"

namespace llmrun {

/// A step of one rank as Chrome's trace events (JSON), which chrome://tracing and ui.perfetto.dev draw: the work of units on one track,
/// what is gathered and summed for them meanwhile on two others, from asked to there. Times are microseconds since 1970 by this host's
/// clock, so that the files of several ranks can be laid side by side; `rank` is the process. `units`: their names, by index. Throws
/// Error(Exit::failed).
void write_timeline(const std::filesystem::path& file, const StageLog& log, const std::vector<std::string>& units, int64_t rank);

}  // namespace llmrun
