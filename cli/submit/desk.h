#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/plan_options.h"
#include "launcher/render/job_script.h"
#include "launcher/rundir/git_state.h"
#include "launcher/scheduler/dependencies.h"
#include "launcher/scheduler/submit_run.h"

namespace llmrun::cli {

struct SubmitOptions {
  PlanOptions plan;
  std::vector<std::string> sweeps;  // "optimizer.lr=1e-4,3e-4"
  std::string dry_run;              // "", client, server
  bool watch = false;
};

/// What a run and a sweep need alike to be queued.
struct Desk {
  Variables environment;
  std::unique_ptr<Scheduler> scheduler;
  std::filesystem::path list;   // the user's jobs
  std::vector<QueuedJob> jobs;  // that it holds
  JobRequest request;           // what every script of this submit says, but for dependencies and array
  std::vector<std::string> warnings;
};
Desk make_desk(const Config& config, Variables environment);

/// The options of what is to be queued: where they make no configuration or no plan, what queue, account, file systems and data lack is
/// told too.
void add_queue_options(CLI::App& command, PlanOptions& options);
struct Planned {
  PlanInput input;
  Plan plan;
};
/// Throws Error(Exit::usage) for --hostfile: the job would not have those hosts.
Planned plan_to_queue(const PlanOptions& options, const Variables& environment, Context& context);

/// Every reason why this run should not be queued. `ask`: the scheduler too; without, what files and lists say. Sets the script's
/// dependencies. Throws Error(Exit::preflight) with all of them.
void check(const PlanInput& input, const Plan& plan, bool ask, Desk& desk);
/// Of these reasons, those that are the run's own, where another one's of the same job were all looked at.
void check_run(const PlanInput& input, const Plan& plan);
/// What is no reason, and worth knowing.
void warn(const Plan& plan, const Desk& desk, Context& context);
/// The same for programs: {warnings, time_needed}.
json facts(const Plan& plan, const Desk& desk);

/// config.yaml and job.sh of a run. REQUIRES its lock.
void write_job_files(const Plan& plan, const std::string& script, const GitState& git);

/// The script that would be queued, on stdout: as it is, or in {version, run, dir, script} and what `more` adds.
void print_script(const std::string& run, const std::filesystem::path& dir, const std::string& script, const json& more, Context& context);

/// The server's word on the job, which leaves none there.
void ask_the_server(const std::filesystem::path& script, const json& more, Scheduler& scheduler, Context& context);

/// {run, job_id, dir, script} and what `more` adds.
void print_queued(const QueuedJob& job, const json& more, Context& context);

}  // namespace llmrun::cli
