#include "launcher/report/reported_run.h"

#include "engine/core/error.h"
#include "engine/core/run_paths.h"
#include "launcher/follow/followed_run.h"
#include "launcher/profile/layers.h"
#include "launcher/report/recorded_ends.h"
#include "launcher/report/run_summary.h"
#include "launcher/scheduler/sweep.h"

namespace llmrun {

ReportedRun report_run(const std::string& word, const std::filesystem::path& directory, const Variables& environment, int64_t now) {
  const std::vector<QueuedJob> of_user = read_jobs(job_list_file(environment));
  const RunPaths paths(find_followed(word, directory, of_user));
  const std::vector<QueuedJob> jobs = jobs_of_run(paths.root(), of_user);
  ReportedRun run;
  try {
    run.jobs = look_at_jobs(jobs, environment);
  } catch (const Error& error) {
    std::error_code none;
    if (!std::filesystem::is_directory(paths.root(), none)) throw;
    run.jobs = recall_jobs(jobs, environment);
    run.unheard = error;
  }
  believe_recorded_ends(run.jobs);
  run.history = history_of(paths.root(), run.jobs.jobs, now);
  run.plan = plan_of_run(paths);
  return run;
}

std::vector<RunHistory> members_of_sweep(const std::filesystem::path& sweep, const Variables& environment, int64_t now) {
  const std::vector<QueuedJob> of_user = read_jobs(job_list_file(environment));
  struct Member {
    std::filesystem::path dir;
    size_t jobs = 0;
  };
  std::vector<Member> members;
  std::vector<QueuedJob> jobs;  // of one member behind those of the one before: all are asked about at once
  for (const std::string& name : member_names(sweep)) {
    const std::vector<QueuedJob> own = jobs_of_run(sweep / name, of_user);
    members.push_back({sweep / name, own.size()});
    jobs.insert(jobs.end(), own.begin(), own.end());
  }
  KnownJobs known;
  try {
    known = look_at_jobs(jobs, environment);
  } catch (const Error&) {
    known = recall_jobs(jobs, environment);
  }
  believe_recorded_ends(known);
  std::vector<RunHistory> histories;
  auto next = known.jobs.begin();
  for (const Member& member : members) {
    const auto end = next + static_cast<std::ptrdiff_t>(member.jobs);
    histories.push_back(history_of(member.dir, {next, end}, now));
    next = end;
  }
  return histories;
}

std::optional<MachineConfig> machine_of(const ReportedRun& run) {
  if (run.plan) return run.plan->config.machine;
  const std::filesystem::path config = RunPaths(run.history.dir).config();
  std::error_code none;
  if (!std::filesystem::exists(config, none)) return std::nullopt;
  try {
    Sources sources = sources_here(config.string(), {});
    sources.environment.clear();  // that of whoever asks has no part in it
    return read_config(sources).config.machine;
  } catch (const Error&) {  // of another version: the limits are a comfort, not the answer
    return std::nullopt;
  }
}

}  // namespace llmrun
