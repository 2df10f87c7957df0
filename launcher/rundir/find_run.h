#pragma once
#include <filesystem>
#include <string>

namespace llmrun {

/// The run directory that a person means by RUN, seen from `directory`: a directory that holds a run, the name of one under outputs/ or
/// named in `logfiles`, a prefix that fits only one, or "last" (the newest launch). Throws Error(Exit::usage) with what there is.
std::filesystem::path find_run(const std::string& run, const std::filesystem::path& directory);

}  // namespace llmrun
