#include "launcher/scheduler/cancel_run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/core/run_paths.h"
#include "launcher/scheduler/job_history.h"
#include "launcher/scheduler/sweep.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

/// The run's directory, and those of a sweep's members.
std::vector<fs::path> directories_of(const QueuedJob& job) {
  std::vector<fs::path> directories{job.dir};
  std::ifstream members(members_file(job.dir));
  for (std::string member; std::getline(members, member);) directories.push_back(fs::path(job.dir) / member);
  return directories;
}

/// The jobs since a person last queued the run; not those before, which are somebody's past.
std::vector<std::string> current_jobs(const JobHistory& history) {
  std::vector<std::string> ids;
  for (auto job = history.jobs.rbegin(); job != history.jobs.rend(); ++job) {
    ids.push_back(job->id);
    if (job->by.empty()) break;
  }
  return ids;
}

/// Notes it first: a job that ends from now on queues no other. The ids of what is to be taken back.
std::vector<std::string> end_chain(const fs::path& directory, const std::string& id, bool member, std::time_t now) {
  const fs::path events = RunPaths(directory).events();
  std::vector<std::string> ids = current_jobs(read_job_history(events));
  const bool current = std::find(ids.begin(), ids.end(), id) != ids.end();
  if (ids.empty() || !(current || member)) return {};
  note_cancelled(events, now);
  for (const std::string& later : current_jobs(read_job_history(events)))  // queued while the note was written
    if (std::find(ids.begin(), ids.end(), later) == ids.end()) ids.push_back(later);
  return ids;
}

/// Whether it goes with the array: "7[2].server" with "7[].server" (PBS), "7_2" with "7" (Slurm).
bool is_element(std::string_view id, std::string_view array) {
  const size_t bracket = array.find("[]");
  if (bracket != std::string_view::npos) return id.size() > bracket && id.substr(0, bracket + 1) == array.substr(0, bracket + 1);
  return id.size() > array.size() && id.starts_with(array) && id[array.size()] == '_';
}

}  // namespace

std::vector<std::string> cancel_run(const QueuedJob& job, Scheduler& scheduler, std::time_t now) {
  const std::vector<fs::path> directories = directories_of(job);
  std::vector<std::string> wanted, taken{job.id};
  for (const fs::path& directory : directories)
    for (std::string& id : end_chain(directory, job.id, directory != directories.front(), now)) wanted.push_back(std::move(id));
  scheduler.cancel(job.id);
  for (const auto& [id, now_is] : scheduler.status(wanted)) {
    if (now_is.phase == JobPhase::ended || id == job.id || is_element(id, job.id) ||
        std::find(wanted.begin(), wanted.end(), id) == wanted.end())
      continue;
    scheduler.cancel(id);
    taken.push_back(id);
  }
  for (const fs::path& directory : directories) {
    const JobHistory history = read_job_history(RunPaths(directory).events());
    if (!history.doubt) continue;
    const std::string id = scheduler.find(directory, history.doubt->since, history.ids());  // of a queuer that was ended in between
    if (id.empty()) continue;
    scheduler.cancel(id);
    taken.push_back(id);
  }
  return taken;
}

}  // namespace llmrun
