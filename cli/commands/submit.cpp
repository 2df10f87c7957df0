#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/submit/desk.h"
#include "cli/submit/sweep.h"
#include "cli/tail_run.h"
#include "cli/ui/banner.h"
#include "launcher/render/shell.h"
#include "launcher/rundir/checkpoints.h"
#include "launcher/rundir/run_dir.h"

namespace llmrun::cli {
namespace {

/// Queues the run; how many attempts it had before.
int queue(const Plan& plan, bool dry, Desk& desk, Context& context) {
  const RunDir run(plan.dir);
  const RunOfJob job{plan.name, plan.dir, desk.list};
  const JobHistory history = settled_history(job, *desk.scheduler, std::time(nullptr));
  refuse_a_second(job, history, *desk.scheduler);
  write_job_files(plan, job_script(plan, desk.request), git_state(desk.environment));
  if (dry) {
    ask_the_server(run.paths().job_script(), facts(plan, desk), *desk.scheduler, context);
    return 0;
  }
  const QueuedJob queued = queue_job(job, history, /*by=*/"", *desk.scheduler, std::time(nullptr));
  const JobConfig& asked = plan.config.job;
  json more = facts(plan, desk);
  if (asked.chain > 0) more["chain"] = asked.chain;
  print_queued(queued, more, context);
  return static_cast<int>(run.record().attempts.size());
}

void tell_finished(const Plan& plan, int64_t steps, Context& context) {
  context.talk().write(finished_already(plan, steps));
  const json line{{"version", 1},    {"run", plan.name},  {"job_id", nullptr},
                  {"dir", plan.dir}, {"script", nullptr}, {"finished_steps", steps}};
  if (context.json) context.out().print("{}\n", line.dump(2, ' ', false, json::error_handler_t::replace));
}

void submit(const SubmitOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const auto [input, plan] = plan_to_queue(options.plan, environment, context);
  if (!plan.config.job.array.empty())
    throw Error(Exit::config, "job.array chooses members of a sweep, and there is none").hint("--sweep optimizer.lr=1e-4,3e-4");
  Desk desk = make_desk(plan.config, environment);
  const bool print_only = options.dry_run == "client";
  check(input, plan, /*ask=*/!print_only, desk);
  if (print_only) {
    warn(plan, desk, context);
    return print_script(plan.name, plan.dir, job_script(plan, desk.request), facts(plan, desk), context);
  }
  check_resume(plan);
  if (const RunRecord record = read_record(RunPaths(plan.dir).record()); record.finished(plan.steps))
    return tell_finished(plan, record.finished_steps, context);
  warn(plan, desk, context);
  const int attempts = queue(plan, options.dry_run == "server", desk, context);
  if (!options.dry_run.empty()) return;
  if (options.watch) return tail_run({.run = plan.dir, .newer_than = attempts}, context);
  const std::string run = printable(shell_quoted(plan.name));
  if (!context.json)
    context.talk().print("Queued {}. Next:\n  llmrun status {}\n  llmrun tail {}\n  llmrun cancel {}\n", run, run, run, run);
}

void add_chain_options(CLI::App& command, SubmitOptions& options) {
  command
      .add_option_function<int64_t>(
          "--chain", [&options](int64_t jobs) { options.plan.run.sets.push_back(fmt::format("job.chain={}", jobs)); },
          "Further jobs to queue, at most, each by the one before it, when a walltime or a failed node ends that")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  command.add_flag_callback(
      "--until-done", [&options] { options.plan.run.sets.emplace_back("run.until_done=true"); },
      "Each job queues the next one until the last step is done; three without a new checkpoint end it");
}

}  // namespace

void add_submit(CLI::App& app, Context& context) {
  auto options = std::make_shared<SubmitOptions>();
  auto* command = app.add_subcommand("submit", "Queue a job that trains, after checking it against the limits of the queue");
  add_queue_options(*command, options->plan);
  add_chain_options(*command, *options);
  command
      ->add_option("--sweep", options->sweeps,
                   "One run for each value, in one array job (repeat it for every combination); again: only what is not finished")
      ->type_name("KEY=V1,V2")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--dry-run", options->dry_run,
                   "client: print the job script and write nothing; server: let the server check the job, and take it back")
      ->expected(0, 1)
      ->default_str("client")
      ->check(CLI::IsMember({"client", "server"}));
  command->add_flag("--watch", options->watch, "Then follow it, as llmrun tail does")->excludes("--dry-run", "--sweep");
  command->footer(
      "Examples:\n  llmrun submit my-run.yaml --account PROJECT --queue debug --walltime 01:00:00\n"
      "  llmrun submit my-run.yaml --dry-run          # the script, on stdout\n"
      "  llmrun submit my-run.yaml --until-done --set job.depends=[afterok:prepare]\n"
      "  llmrun submit my-run.yaml --sweep optimizer.lr=1e-4,3e-4 --sweep run.seed=1,2 --set job.array=0-3%2");
  command->callback([=, &context] { options->sweeps.empty() ? submit(*options, context) : submit_sweep(*options, context); });
}

}  // namespace llmrun::cli
