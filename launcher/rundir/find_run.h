#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace llmrun {

struct KnownRun {
  std::filesystem::path directory;           // whole, without symbolic links
  std::filesystem::file_time_type launched;  // when its record was last written; the least time where it was never launched
};

/// Every run under outputs/ and every one whose log stands in `logfiles`, each once, newest launch first. A thousand take some
/// milliseconds.
std::vector<KnownRun> known_runs(const std::filesystem::path& directory);

/// The list of logs that the attempts of the run at `root` are written into: two levels above, beside outputs/.
std::filesystem::path logfiles_of(const std::filesystem::path& root);

/// The run directory that a person means by RUN, seen from `directory`: a directory that holds a run, the name of one under outputs/ or
/// named in `logfiles`, a prefix that fits only one, or "last" (the newest launch). Throws Error(Exit::usage) with what there is.
std::filesystem::path find_run(const std::string& run, const std::filesystem::path& directory);

}  // namespace llmrun
