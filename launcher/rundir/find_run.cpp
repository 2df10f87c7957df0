#include "launcher/rundir/find_run.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/run_paths.h"
#include "launcher/rundir/record.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

bool is_run(const fs::path& directory) { return fs::exists(RunPaths(directory).record()) || fs::exists(RunPaths(directory).plan()); }

/// Every place that may hold a run, as it is called here: under outputs/, and where the logs named in `logfiles` are.
std::vector<fs::path> places(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code ignored;  // no outputs/ yet
  const fs::path outputs = fs::weakly_canonical(directory / "outputs", ignored);
  for (const fs::directory_entry& entry : fs::directory_iterator(outputs, ignored))
    found.push_back(entry.is_symlink(ignored) ? fs::weakly_canonical(entry.path(), ignored) : entry.path());
  std::set<std::string> seen;  // a run has a line for each attempt
  std::ifstream logfiles(directory / "logfiles");
  for (std::string line; std::getline(logfiles, line);) {
    const fs::path run = fs::path(line).parent_path().parent_path();
    if (seen.insert(run.string()).second) found.push_back(fs::weakly_canonical(run, ignored));
  }
  return found;
}

std::string names(const std::vector<KnownRun>& runs, size_t most) {
  std::vector<std::string> list;
  for (const KnownRun& run : runs)
    if (list.size() < most) list.push_back(run.directory.filename().string());
  return fmt::format("{}{}", fmt::join(list, ", "), list.size() < runs.size() ? ", ..." : "");
}

std::string what_there_is(const std::vector<KnownRun>& runs) {
  return runs.empty() ? "there is no run here yet: llmrun train starts one; llmrun history lists those of other directories"
                      : "newest runs here: " + names(runs, 5);
}

}  // namespace

std::vector<KnownRun> known_runs(const fs::path& directory) {
  std::vector<KnownRun> runs;
  std::set<std::string> seen;
  std::error_code ignored;  // a run that is deleted meanwhile
  for (const fs::path& place : places(directory))
    if (seen.insert(place.string()).second && is_run(place))
      runs.push_back({place, fs::last_write_time(RunPaths(place).record(), ignored)});
  std::stable_sort(runs.begin(), runs.end(), [](const KnownRun& a, const KnownRun& b) { return a.launched > b.launched; });
  return runs;
}

fs::path logfiles_of(const fs::path& root) { return root.parent_path().parent_path() / "logfiles"; }

fs::path find_run(const std::string& run, const fs::path& directory) {
  if (const fs::path path = directory / run; !run.empty() && is_run(path)) return fs::weakly_canonical(path);
  const std::vector<KnownRun> runs = known_runs(directory);
  if (run == "last" && !runs.empty()) return runs.front().directory;
  std::vector<KnownRun> fitting;
  for (const KnownRun& known : runs) {
    const std::string name = known.directory.filename().string();
    if (name == run) return known.directory;
    if (!run.empty() && name.starts_with(run)) fitting.push_back(known);
  }
  for (const KnownRun& known : runs)  // by its own name, where the directory has another
    if (!run.empty() && read_record(RunPaths(known.directory).record()).name == run) return known.directory;
  if (fitting.size() == 1) return fitting.front().directory;
  if (fitting.size() > 1)
    throw Error(Exit::usage, "'{}' fits {} runs: {}", run, fitting.size(), names(fitting, 20)).hint("more of the name");
  throw Error(Exit::usage, "no run '{}'", run).hint("{}", what_there_is(runs));
}

}  // namespace llmrun
