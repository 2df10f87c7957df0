#pragma once
#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

namespace llmrun {

/// A rank's own log (RunPaths::rank_log): created with its first line, so that thousands of silent ranks make no files. Rank 0 also
/// speaks to stdout, which the launcher carries to the run's log. A file that cannot be written is said once on stderr; training goes on.
std::shared_ptr<spdlog::logger> make_rank_log(const std::filesystem::path& file, int64_t rank);

}  // namespace llmrun
