#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/call_log.h"
#include "engine/parallel/stage_log.h"

namespace llmrun {

/// A step of one rank as Chrome's trace events (JSON), which chrome://tracing and ui.perfetto.dev draw: the work of units on one track,
/// with what it stood still for inside, and what is gathered, summed and moved for units meanwhile on others; below, every call of each
/// axis. A bar of these runs from when the host asked for something to when it took it: bytes may have moved in a part of that time only
/// (over MPI they do so inside calls), and on a GPU the host's clock tells when work was queued, not when it ran. Times are microseconds
/// since 1970 by this host's clock, so that the files of several ranks can be laid side by side; `rank` is the process. `units`: their
/// names, by index. Throws Error(Exit::failed).
void write_timeline(const std::filesystem::path& file, const StageLog& log, const CallLog& calls, const std::vector<std::string>& units,
                    int64_t rank);

}  // namespace llmrun
