#include "launcher/rundir/find_run.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/run_paths.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

bool is_run(const fs::path& directory) { return fs::exists(RunPaths(directory).record()) || fs::exists(RunPaths(directory).plan()); }

struct Known {
  fs::path directory;
  fs::file_time_type launched;
};

/// Every run under outputs/ and every one whose log stands in `logfiles`, newest launch first.
std::vector<Known> known_runs(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code ignored;  // no outputs/ yet
  for (const fs::directory_entry& entry : fs::directory_iterator(directory / "outputs", ignored)) found.push_back(entry.path());
  std::ifstream logfiles(directory / "logfiles");
  for (std::string line; std::getline(logfiles, line);) found.push_back(fs::path(line).parent_path().parent_path());
  std::vector<Known> runs;
  for (const fs::path& path : found) {
    const fs::path whole = fs::weakly_canonical(path, ignored);
    const bool there = std::any_of(runs.begin(), runs.end(), [&](const Known& run) { return run.directory == whole; });
    if (there || !is_run(whole)) continue;
    const auto record = fs::last_write_time(RunPaths(whole).record(), ignored);
    runs.push_back({whole, record});
  }
  std::stable_sort(runs.begin(), runs.end(), [](const Known& a, const Known& b) { return a.launched > b.launched; });
  return runs;
}

std::string names(const std::vector<Known>& runs) {
  std::vector<std::string> list;
  for (const Known& run : runs)
    if (list.size() < 5) list.push_back(run.directory.filename().string());
  return list.empty() ? "there is no run here yet: llmrun train starts one" : fmt::format("newest runs here: {}", fmt::join(list, ", "));
}

}  // namespace

fs::path find_run(const std::string& run, const fs::path& directory) {
  if (const fs::path path = directory / run; !run.empty() && is_run(path)) return fs::weakly_canonical(path);
  const std::vector<Known> runs = known_runs(directory);
  if (run == "last" && !runs.empty()) return runs.front().directory;
  std::vector<fs::path> fitting;
  for (const Known& known : runs) {
    const std::string name = known.directory.filename().string();
    if (name == run) return known.directory;
    if (!run.empty() && name.starts_with(run)) fitting.push_back(known.directory);
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.size() > 1) throw Error(Exit::usage, "'{}' fits {} runs", run, fitting.size()).hint("{}", names(runs));
  throw Error(Exit::usage, "no run '{}'", run).hint("{}", names(runs));
}

}  // namespace llmrun
