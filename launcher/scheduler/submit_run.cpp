#include "launcher/scheduler/submit_run.h"

#include "launcher/profile/yaml_text.h"
#include "launcher/rundir/log_name.h"
#include "launcher/rundir/run_dir.h"

namespace llmrun {
namespace {

/// One job a run: two would write the same checkpoints.
void refuse_a_second(const RunPaths& paths, const std::string& name, Scheduler& scheduler) {
  const std::vector<QueuedJob> jobs = read_jobs(paths.events());
  if (jobs.empty()) return;
  const auto known = scheduler.status({jobs.back().id});
  const auto job = known.find(jobs.back().id);
  if (job == known.end() || job->second.phase == JobPhase::ended) return;
  throw Error(Exit::preflight, "job {} of run '{}' is {}", jobs.back().id, name, spelling(job->second.phase))
      .hint("llmrun status {}; llmrun cancel {}; or another directory: --set run.dir=outputs/another", name, name);
}

}  // namespace

std::filesystem::path write_job_files(const Plan& plan, const std::string& script, Scheduler& scheduler) {
  const RunDir run(plan.dir);
  refuse_a_second(run.paths(), plan.name, scheduler);
  RunDir::write(run.paths().config(), to_yaml(plan.config));
  RunDir::write(run.paths().job_script(), script, /*executable=*/true);
  return run.paths().job_script();
}

QueuedJob submit_run(const Plan& plan, const std::filesystem::path& script, Scheduler& scheduler, const std::filesystem::path& list,
                     std::time_t now) {
  const QueuedJob job{scheduler.submit({.script = script}), std::string(scheduler.name()), plan.name, plan.dir, utc_time(now)};
  append_job(RunPaths(plan.dir).events(), job);
  if (!list.empty()) append_job(list, job);
  return job;
}

}  // namespace llmrun
