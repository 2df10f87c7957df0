#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/plan_options.h"
#include "cli/ui/banner.h"
#include "launcher/launch/run_attempt.h"
#include "launcher/process/sibling.h"
#include "launcher/rundir/log_name.h"
#include "launcher/rundir/room.h"

namespace llmrun::cli {
namespace {

struct TrainOptions {
  PlanOptions plan;
  bool dry_run = false;
};

/// Whether there is something to do in this directory.
bool should_start(const RunDir& run, const Plan& plan, Context& context) {
  const bool from_scratch = plan.config.checkpoint.resume == "never";
  if (run.used() && from_scratch)
    throw Error(Exit::config, "checkpoint.resume is never, but '{}' was used before", plan.dir)
        .hint("--set checkpoint.resume=auto goes on from there; --set run.dir=outputs/another starts afresh");
  if (!run.record().finished(plan.steps)) return true;
  context.talk().print("{} is finished: {} steps. More: --set run.steps={}; afresh: --set run.dir=outputs/another\n", printable(plan.name),
                       run.record().finished_steps, 2 * plan.steps);
  return false;
}

ConsoleStyle screen(Context& context) {
  ConsoleStyle style;
  style.terminal = context.talk().is_terminal();
  style.columns = [&context] { return context.talk().columns(); };
  style.write = [&context](std::string_view text) {
    context.talk().write(text);
    context.talk().failed();  // flushes; a terminal that went away must not end the run
  };
  style.harmless = [](std::string_view text) { return printable(text); };
  return style;
}

void tell_failure(const Failure& failure, const RunPaths& paths, Context& context) {
  if (!failure.last_lines.empty()) {
    context.talk().print("last lines of rank {} on {}:\n", *failure.rank, printable(failure.host));
    for (const std::string& line : failure.last_lines) context.talk().print("  | {}\n", printable(line));
  }
  throw failure_error(failure, paths);
}

void start(const PlanInput& input, const Plan& plan, const Variables& environment, Context& context) {
  std::shared_ptr<Launcher> launcher = choose_launcher(plan, environment, short_host_name());
  const std::string rank_program = sibling("llmrun-rank").string();
  if (!read_record(RunPaths(plan.dir).record()).finished(plan.steps)) check_room(plan);
  RunDir run(plan.dir);
  if (!should_start(run, plan, context)) return;

  const std::time_t now = std::time(nullptr);
  const auto hosts = static_cast<int64_t>(plan.hosts.size());
  run.describe(plan.name, LLMRUN_VERSION, environment);
  std::string warning;
  const Attempt attempt = run.begin_attempt(log_name(user_name(), short_host_name(), hosts, plan.ranks(), now), plan.ranks(), now, warning);
  Prepared prepared = prepare(plan, launcher, rank_program, input.node.cores, environment, {attempt.number, attempt.id});
  write_run_files(run, plan, prepared, environment);
  context.talk().write(banner(input, plan, attempt, now));
  if (!warning.empty()) context.talk().print("llmrun: warning: {}\n", printable(warning));
  context.talk().failed();

  const AttemptOutcome outcome = run_attempt(run, plan, attempt, prepared, screen(context));
  if (outcome.failure) tell_failure(*outcome.failure, run.paths(), context);
  context.set_exit(outcome.exit_code);
  context.talk().write(farewell(plan, outcome.exit_code));
}

void train(const TrainOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const PlanInput input = plan_input(options.plan, environment, /*starting=*/true, context);
  const Plan plan = make_plan(input);
  if (!options.dry_run) return start(input, plan, environment, context);
  const Prepared prepared = prepare(plan, choose_launcher(plan, environment, short_host_name()), sibling_path("llmrun-rank").string(),
                                    input.node.cores, environment);
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
      "Examples:\n  llmrun train my-run.yaml\n  llmrun train --set model=gpt-tiny --set run.steps=100 --ranks 4 --set parallel.tensor=2");
  command->callback([=, &context] { train(*options, context); });
}

}  // namespace llmrun::cli
