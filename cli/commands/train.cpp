#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/plan_options.h"
#include "cli/ui/banner.h"
#include "cli/ui/run_screen.h"
#include "launcher/launch/run_attempt.h"
#include "launcher/plan/warnings.h"
#include "launcher/process/sibling.h"
#include "launcher/render/shell.h"
#include "launcher/report/run_history.h"
#include "launcher/rundir/checkpoints.h"
#include "launcher/rundir/log_name.h"
#include "launcher/rundir/room.h"
#include "launcher/scheduler/chain.h"
#include "launcher/scheduler/sweep.h"

namespace llmrun::cli {
namespace {

struct TrainOptions {
  PlanOptions plan;
  bool dry_run = false;
};

/// Whether there is something to do in this directory.
bool should_start(const RunDir& run, const Plan& plan, Context& context) {
  if (!run.record().finished(plan.steps)) return true;
  context.talk().write(finished_already(plan, run.record().finished_steps));
  return false;
}

/// After an attempt inside a chain of jobs: queues the next one, and says what becomes of the run.
ChainEnd go_on(const ChainJob& job, const AttemptOutcome& outcome, std::optional<int64_t> stop_at, const Variables& environment,
               Context& context) {
  const ChainEnd end = end_link(job, outcome.exit_code, stop_at, *make_scheduler(job.scheduler, environment), std::time(nullptr));
  const std::string run = printable(shell_quoted(job.run.name));
  if (end.trouble) context.talk().print("llmrun: warning: {}\nhint: {}\n", printable(end.trouble->what), printable(end.trouble->hint));
  if (end.continuation == Continuation::next)
    context.talk().print("Job {} {}. Follow it: llmrun tail {}\n", printable(end.next), where_it_goes_on(RunPaths(job.run.dir)), run);
  else if (end.continuation == Continuation::used_up)
    context.talk().print("The chain of {} more job{} is used up. To go on: llmrun submit, or --until-done\n", job.most,
                         job.most == 1 ? "" : "s");
  context.talk().failed();  // flushes: what follows may take the process away
  return end;
}

[[noreturn]] void end_without_progress(const ChainJob& job, const RunPaths& paths) {
  throw Error(Exit::no_progress, "run '{}' made no new checkpoint in {} jobs: no further one is queued", job.run.name,
              kMostJobsWithoutProgress)
      .because(fmt::format("the attempts' logs are in '{}'", paths.logs().string()))
      .hint("mend what stops it, or save more often: --set checkpoint.every_steps=N; then llmrun submit again");
}

void tell_end(const RunDir& run, const Plan& plan, int exit_code, Context& context) {
  const json line{
      {"version", 1},       {"run", plan.name}, {"dir", plan.dir}, {"exit", exit_code}, {"finished_steps", run.record().finished_steps},
      {"steps", plan.steps}};
  context.out().print("{}\n", line.dump(2, ' ', false, json::error_handler_t::replace));
}

void start(const PlanInput& input, const Plan& plan, const Variables& environment, Context& context) {
  const Launch launch = launch_of(plan, sibling("llmrun-rank").string(), input.node.cores, short_host_name());
  std::shared_ptr<Launcher> launcher = choose_launcher(launch, environment);
  check_processes(launch, most_processes());
  check_resume(plan);
  if (!read_record(RunPaths(plan.dir).record()).finished(plan.steps)) check_room(plan);
  const std::optional<ChainJob> chain = chain_job(plan, environment);
  RunDir run(plan.dir, environment.get("LLMRUN_STARTED_AT") ? kPatienceInAJob : kNoPatience);
  if (!should_start(run, plan, context)) {
    if (context.json) tell_end(run, plan, static_cast<int>(Exit::done), context);
    return;
  }
  outlive_readers();
  if (chain) begin_link(*chain, std::time(nullptr));

  const std::time_t now = std::time(nullptr);
  const auto hosts = static_cast<int64_t>(plan.hosts.size());
  run.describe(plan.name, LLMRUN_VERSION, environment);
  std::string warning;
  const std::string log = log_name(user_name(), short_host_name(), hosts, plan.ranks(), now);
  const Attempt attempt = run.begin_attempt(log, plan.ranks(), now, warning, batch_job_id(environment));
  append_launch(job_list_file(environment), listed_name(plan), plan.dir, attempt.start);
  Prepared prepared = prepare(launch, launcher, environment, {attempt.number, attempt.id});
  write_run_files(run, plan, prepared, environment);
  context.talk().write(banner(input, plan, attempt, now));
  for (const std::string& line : warnings_of(plan, forecast(plan), input.node)) context.talk().print("llmrun: warning: {}\n", line);
  if (!warning.empty()) context.talk().print("llmrun: warning: {}\n", printable(warning));
  context.talk().failed();

  const AttemptOutcome outcome = run_attempt(run, launch, attempt, prepared, run_screen(context.talk()), steps_of(plan));
  const ChainEnd end = chain ? go_on(*chain, outcome, prepared.stop_at, environment, context) : ChainEnd{};
  if (end.continuation == Continuation::no_progress) end_without_progress(*chain, run.paths());
  if (outcome.failure) tell_failure(*outcome.failure, train_again(run.paths()), context);
  context.set_exit(outcome.exit_code);
  context.talk().write(farewell(plan, outcome.exit_code));
  if (context.json) tell_end(run, plan, outcome.exit_code, context);
}

void train(const TrainOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const PlanInput input = plan_input(options.plan, environment, options.dry_run ? Intent::rehearse : Intent::start, context);
  const Plan plan = make_plan(input);
  if (!options.dry_run) return start(input, plan, environment, context);
  const Launch launch = launch_of(plan, sibling_path("llmrun-rank").string(), input.node.cores, short_host_name());
  const Prepared prepared = prepare(launch, choose_launcher(launch, environment), environment);
  if (context.json)
    context.out().print("{}\n", json{{"version", 1}, {"plan", to_json(plan)}, {"script", prepared.script}}.dump(2));
  else
    context.out().write(prepared.script);
}

}  // namespace

void add_train(CLI::App& app, Context& context) {
  auto options = std::make_shared<TrainOptions>();
  auto* command = app.add_subcommand("train", "Train, here or in the allocation this shell is in");
  add_plan_options(*command, options->plan);
  command->add_flag("--dry-run", options->dry_run, "Plan and print the script; start and write nothing");
  command->footer(
      "The same command again goes on from the last checkpoint.\n"
      "Examples:\n  llmrun train my-run.yaml\n  llmrun train --model gpt-tiny --steps 100 --ranks 4 --set parallel.tensor=2");
  command->callback([=, &context] { train(*options, context); });
}

}  // namespace llmrun::cli
