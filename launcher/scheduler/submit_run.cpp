#include "launcher/scheduler/submit_run.h"

#include <algorithm>

#include "engine/core/run_paths.h"
#include "launcher/rundir/log_name.h"

namespace llmrun {
namespace {

constexpr size_t kRecentJobs = 16;  // of a run: those before have ended long ago

/// A home that a job cannot write to must not make its next job a failure: the run's own directory knows it. Who submits was told before.
void append_job_if_possible(const std::filesystem::path& list, const QueuedJob& job) {
  try {
    append_job(list, job);
  } catch (const Error&) {
  } catch (const std::filesystem::filesystem_error&) {
  }
}

QueuedJob write_down(const RunOfJob& run, std::string id, const std::string& by, const Scheduler& scheduler, std::time_t now) {
  QueuedJob job{std::move(id), std::string(scheduler.name()), run.name, run.dir.string(), utc_time(now), by};
  append_job(RunPaths(run.dir).events(), job);
  if (!run.list.empty()) append_job_if_possible(run.list, job);
  return job;
}

/// Whoever died between the two lines of write_down() left out the second one.
void complete_list(const RunOfJob& run, const JobHistory& history) {
  if (run.list.empty() || history.jobs.empty()) return;
  const QueuedJob& newest = history.jobs.back();
  const std::vector<QueuedJob> listed = read_jobs(run.list);
  if (std::none_of(listed.begin(), listed.end(), [&](const QueuedJob& job) { return job.id == newest.id; }))
    append_job_if_possible(run.list, newest);
}

}  // namespace

JobHistory settled_history(const RunOfJob& run, Scheduler& scheduler, std::time_t now) {
  const RunPaths paths(run.dir);
  JobHistory history = read_job_history(paths.events());
  if (!history.doubt) {
    complete_list(run, history);
    return history;
  }
  std::string id = scheduler.find(run.dir, history.doubt->since, history.ids());
  if (id.empty())
    note_not_queued(paths.events(), "no such job was found", now);
  else
    write_down(run, std::move(id), history.doubt->by, scheduler, now);
  return read_job_history(paths.events());
}

void refuse_a_second(const RunOfJob& run, const JobHistory& history, Scheduler& scheduler) {
  std::vector<std::string> ids = history.ids();
  if (ids.size() > kRecentJobs) ids.erase(ids.begin(), ids.end() - kRecentJobs);
  for (const auto& [id, job] : scheduler.status(ids))
    if (job.phase != JobPhase::ended)
      throw Error(Exit::preflight, "job {} of run '{}' is {}", id, run.name, spelling(job.phase))
          .hint("llmrun status {}; llmrun cancel {}; or another directory: --set run.dir=outputs/another", run.name, run.name);
}

QueuedJob queue_job(const RunOfJob& run, const JobHistory& history, const std::string& by, Scheduler& scheduler, std::time_t now) {
  const RunPaths paths(run.dir);
  note_queueing(paths.events(), by, now);
  try {
    return write_down(run, scheduler.submit({.script = paths.job_script(), .after = by, .known = history.ids()}), by, scheduler, now);
  } catch (const Error& error) {
    if (error.code() != Exit::unreachable) note_not_queued(paths.events(), error.what(), now);
    throw;
  }
}

}  // namespace llmrun
