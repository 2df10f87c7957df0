#include "launcher/scheduler/chain.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/render/shell.h"
#include "launcher/rundir/checkpoints.h"
#include "launcher/rundir/log_name.h"
#include "launcher/scheduler/sweep.h"
#include "launcher/site/allocation.h"

namespace llmrun {
namespace {

constexpr int64_t kClockStart_s = 60;  // a walltime counts from before job.sh asks for the time

/// Of the newest checkpoint; 0 without one.
int64_t newest_step(const RunPaths& paths) {
  const std::vector<int64_t> steps = checkpoint_steps(paths);
  return steps.empty() ? 0 : steps.back();
}

/// Whether another job may do better: the failures that a node, a network or a clock can cause.
bool worth_another(const ChainLink& link) {
  switch (link.exit_code) {
    case static_cast<int>(Exit::done):
    case static_cast<int>(Exit::usage):
    case static_cast<int>(Exit::config):
    case static_cast<int>(Exit::credentials):
    case static_cast<int>(Exit::preflight):
    case static_cast<int>(Exit::unreachable):
    case static_cast<int>(Exit::no_progress):
    case static_cast<int>(Exit::numerics):
    case static_cast<int>(Exit::no_checkpoint):
    case static_cast<int>(Exit::interrupted):
      return false;
    case static_cast<int>(Exit::terminated):
      return link.near_walltime || link.preempted;
    default:  // 75, 1, 124, 128 + n
      return true;
  }
}

/// How many jobs up to now began with the checkpoint that is still the newest. A job that its system started again counts once.
int64_t without_progress(const JobHistory& history, int64_t step) {
  std::set<std::string> jobs;
  for (auto attempt = history.begun.rbegin(); attempt != history.begun.rend() && attempt->step >= step; ++attempt)
    jobs.insert(attempt->job);
  return static_cast<int64_t>(jobs.size());
}

/// This job's line, where whoever queued it died before writing it, or queued job.sh without llmrun.
void write_down_self(const ChainJob& job, const JobHistory& history, std::time_t now) {
  if (history.knows(job.id)) return;
  append_job(RunPaths(job.run.dir).events(),
             {job.id, job.scheduler, job.run.name, job.run.dir.string(), utc_time(now), history.doubt ? history.doubt->by : ""});
}

ChainEnd trouble(const ChainJob& job, const Error& error) {
  const std::string config = shell_quoted(RunPaths(job.run.dir).config().string());
  return {Continuation::stop, "",
          Complaint{fmt::format("the next job could not be queued: {}", error.what()),
                    {},
                    {},
                    fmt::format("on a login node: llmrun submit {} --set run.dir={}", config, shell_quoted(job.run.dir.string()))}};
}

/// Whoever waits for the run waits for its last job: those that wait for this one are told of the next.
std::optional<Complaint> hand_over(const ChainJob& job, const std::string& next, Scheduler& scheduler) try {
  scheduler.hand_over(job.id, next);
  return {};
} catch (const Error& error) {
  return Complaint{fmt::format("jobs that depend on {} could not be told to wait for {}: {}", job.id, next, error.what()),
                   {},
                   {},
                   "llmrun status shows those that never ran; llmrun submit queues them again"};
}

ChainEnd queue_next(const ChainJob& job, const JobHistory& history, Scheduler& scheduler, std::time_t now) {
  const QueuedJob next = queue_job(job.run, history, job.id, scheduler, now);
  if (!read_job_history(RunPaths(job.run.dir).events()).cancelled) return {Continuation::next, next.id, hand_over(job, next.id, scheduler)};
  scheduler.cancel(next.id);  // `llmrun cancel` came in between, and did not see it
  return {};
}

/// Whether the scheduler takes the nodes of this job, as it says meanwhile, and has not put the job back already. One that does not answer
/// here has not said so: then SIGTERM is a person's word.
bool is_preempted(const ChainJob& job, Scheduler& scheduler) try {
  const std::map<std::string, Job> told = scheduler.status({job.id});
  const auto self = told.find(job.id);
  return self != told.end() && self->second.preempted && self->second.runs <= job.starts;
} catch (const Error&) {
  return false;
}

std::string_view spelling(Continuation continuation) {
  switch (continuation) {
    case Continuation::no_progress:
      return "no_progress";
    case Continuation::used_up:
      return "used_up";
    default:
      return "stopped";
  }
}

}  // namespace

Continuation continuation(const ChainLink& link, int64_t most) {
  if (!worth_another(link)) return Continuation::stop;
  if (link.jobs_without_progress >= kMostJobsWithoutProgress) return Continuation::no_progress;
  if (most > 0 && link.jobs_queued >= most) return Continuation::used_up;
  return Continuation::next;
}

std::string told(const ChainStop& stop) {
  const std::string end = "the chain of jobs is at its end: ";
  if (stop.reason == spelling(Continuation::no_progress))
    return end + fmt::format("{} jobs in a row made no new checkpoint, so no further one was queued", kMostJobsWithoutProgress);
  if (stop.reason == spelling(Continuation::used_up)) return end + "job.chain allows no further job, and the run is not done";
  return end + fmt::format("another job would not mend exit {}", stop.exit_code);
}

std::string next_step(const ChainStop& stop, std::string_view goes_on) {
  if (stop.reason == spelling(Continuation::no_progress))
    return "mend what stops it, or save more often (--set checkpoint.every_steps=N); then llmrun submit";
  if (stop.reason == spelling(Continuation::used_up))
    return fmt::format("llmrun submit {}; with --until-done, in as many jobs as it takes", goes_on);
  return "";
}

std::optional<ChainJob> chain_job(const Plan& plan, const Variables& environment) {
  const JobConfig& job = plan.config.job;
  if (!plan.config.run.until_done && job.chain == 0) return std::nullopt;
  const std::string id = batch_job_id(environment);
  if (id.empty() || !environment.get("LLMRUN_STARTED_AT")) return std::nullopt;
  const int64_t restarts = parse_integer(environment.get("SLURM_RESTART_COUNT").value_or("0")).value_or(0);
  return ChainJob{{listed_name(plan), plan.dir, job_list_file(environment)},
                  id,
                  plan.config.machine.scheduler,
                  job.chain,
                  static_cast<int>(restarts) + 1};
}

void begin_link(const ChainJob& job, std::time_t now) {
  const RunPaths paths(job.run.dir);
  const JobHistory history = read_job_history(paths.events());
  if (history.cancelled && (history.knows(job.id) || history.doubt))
    throw Error(Exit::terminated, "run '{}' was cancelled", job.run.name).hint("llmrun submit queues it again");
  write_down_self(job, history, now);
  note_begun(paths.events(), {job.id, newest_step(paths)}, now);
}

ChainEnd end_link(const ChainJob& job, int exit_code, std::optional<int64_t> stop_at, Scheduler& scheduler, std::time_t now) try {
  const RunPaths paths(job.run.dir);
  const JobHistory history = settled_history(job.run, scheduler, now);
  if (history.cancelled) return {};
  if (const std::string next = history.successor(job.id); !next.empty()) return {Continuation::stop, "", hand_over(job, next, scheduler)};
  const bool near_walltime = stop_at && now + kClockStart_s >= *stop_at;
  const bool preempted = exit_code == static_cast<int>(Exit::terminated) && !near_walltime && is_preempted(job, scheduler);
  const ChainLink link{exit_code, near_walltime, preempted, without_progress(history, newest_step(paths)), std::ssize(history.chained)};
  const Continuation what = continuation(link, job.most);
  if (what == Continuation::next) return queue_next(job, history, scheduler, now);
  const int code = what == Continuation::no_progress ? static_cast<int>(Exit::no_progress) : exit_code;
  if (code != 0) note_chain_ended(paths.events(), spelling(what), code, now);
  return {what, "", {}};
} catch (const Error& error) {
  return trouble(job, error);
}

}  // namespace llmrun
