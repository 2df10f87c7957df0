#include "launcher/follow/followed_run.h"

#include <algorithm>
#include <optional>

#include "engine/core/error.h"
#include "engine/core/run_paths.h"
#include "launcher/follow/log_line.h"
#include "launcher/rundir/find_run.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> here(const std::string& run, const fs::path& directory) {
  try {
    return find_run(run, directory);
  } catch (const Error&) {
    return {};
  }
}

bool fits_several(const std::string& prefix, const fs::path& directory) {
  const std::vector<KnownRun> runs = known_runs(directory);
  return std::count_if(runs.begin(), runs.end(),
                       [&](const KnownRun& known) { return known.directory.filename().string().starts_with(prefix); }) > 1;
}

/// A run's whole name, that of a sweep's member with or without its sweep.
bool names_a_run(const std::string& word, const std::vector<QueuedJob>& jobs) {
  return std::any_of(jobs.begin(), jobs.end(), [&](const QueuedJob& job) { return job.run == word || job.run.ends_with("/" + word); });
}

/// By the clock on the wall; kNoTime where it never was.
WallTime launched(const fs::path& run) {
  std::error_code none;
  const auto time = fs::last_write_time(RunPaths(run).record(), none);
  if (none) return kNoTime;
  return wall_time(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::file_clock::to_sys(time).time_since_epoch()).count());
}

fs::path last_run(const fs::path& directory, const std::vector<QueuedJob>& jobs) {
  if (jobs.empty()) return find_run("last", directory);
  const std::optional<fs::path> run = here("last", directory);
  return run && launched(*run) > wall_time_of_utc(jobs.back().submitted) ? *run : fs::path(jobs.back().dir);
}

}  // namespace

fs::path find_followed(const std::string& run, const fs::path& directory, const std::vector<QueuedJob>& jobs) {
  if (run == "last") return last_run(directory, jobs);
  const auto by_id = std::find_if(jobs.rbegin(), jobs.rend(), [&](const QueuedJob& job) { return is_id(job, run); });
  if (by_id != jobs.rend()) return by_id->dir;
  if (!run.empty() && fs::exists(RunPaths(directory / run).events())) return fs::weakly_canonical(directory / run);
  if (const std::optional<fs::path> found = here(run, directory)) return *found;
  if (jobs.empty() || (fits_several(run, directory) && !names_a_run(run, jobs))) return find_run(run, directory);  // says what there is
  return find_job(jobs, run).dir;
}

std::vector<QueuedJob> jobs_of_run(const fs::path& run, const std::vector<QueuedJob>& of_user) {
  std::vector<QueuedJob> jobs = read_jobs(RunPaths(run).events());
  for (const QueuedJob& job : of_user) {
    const bool there = std::any_of(jobs.begin(), jobs.end(), [&](const QueuedJob& known) { return known.id == job.id; });
    if (!there && fs::path(job.dir) == run) jobs.push_back(job);
  }
  std::stable_sort(jobs.begin(), jobs.end(), [](const QueuedJob& a, const QueuedJob& b) { return a.submitted < b.submitted; });
  return jobs;
}

/// Slurm: "logs/job-27.out", as job.sh says; "slurm-27.out" of a script that does not. PBS: "NAME.o27".
fs::path output_of_job(const QueuedJob& job) {
  const std::string number = job.id.substr(0, job.id.find_first_of(".["));
  std::error_code ignored;  // no directory any more
  if (const fs::path output = RunPaths(job.dir).logs() / fmt::format("job-{}.out", number); fs::exists(output, ignored)) return output;
  for (const fs::directory_entry& entry : fs::directory_iterator(job.dir, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".o" + number) || name == "slurm-" + number + ".out") return entry.path();
  }
  return {};
}

}  // namespace llmrun
