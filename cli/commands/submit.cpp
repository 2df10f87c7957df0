#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/plan_options.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/profile/yaml_text.h"
#include "launcher/render/job_script.h"
#include "launcher/render/template.h"
#include "launcher/rundir/run_dir.h"
#include "launcher/scheduler/submit_run.h"

namespace llmrun::cli {
namespace {

struct SubmitOptions {
  PlanOptions plan;
  std::string dry_run;  // "", client, server
};

void check(const PlanInput& input, const Plan& plan) {
  std::vector<Complaint> complaints;
  check_job(input.resolved, static_cast<int64_t>(plan.hosts.size()), complaints);
  if (!complaints.empty()) throw Error(Exit::preflight, std::move(complaints));
}

/// The server's word on the job: it is queued as held, which no scheduler starts, and taken back.
void ask_the_server(const std::filesystem::path& script, Scheduler& scheduler, Context& context) {
  const std::string id = scheduler.submit({.script = script, .held = true});
  scheduler.cancel(id);
  context.talk().print("The server took the job, held, as {}; it was taken back.\n", printable(id));
}

void tell(const QueuedJob& job, const std::filesystem::path& script, Context& context) {
  if (context.json) {
    context.out().print("{}\n",
                        json{{"version", 1}, {"run", job.run}, {"job_id", job.id}, {"dir", job.dir}, {"script", script.string()}}.dump(2));
    return;
  }
  context.out().print("{}\n", printable(job.id));
  context.talk().print("Queued {}. Next:\n  llmrun status {}\n  llmrun tail {}\n  llmrun cancel {}\n", printable(job.run),
                       printable(job.run), printable(job.run), printable(job.run));
}

void submit(const SubmitOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const PlanInput input = plan_input(options.plan, environment, /*starting=*/false, context);
  const Plan plan = make_plan(input);
  const auto scheduler = make_scheduler(plan.config.machine.scheduler, environment);
  check(input, plan);
  const std::string text = job_script(
      plan, {.llmrun = std::filesystem::read_symlink("/proc/self/exe").string(), .templates = template_directories(environment)});
  if (options.dry_run == "client") return context.out().write(text);

  const RunDir run(plan.dir);
  const RunOfJob job{plan.name, plan.dir, job_list_file(environment)};
  const JobHistory history = settled_history(job, *scheduler, std::time(nullptr));
  refuse_a_second(job, history, *scheduler);
  RunDir::write(run.paths().config(), to_yaml(plan.config));
  RunDir::write(run.paths().job_script(), text, /*executable=*/true);
  if (options.dry_run == "server") return ask_the_server(run.paths().job_script(), *scheduler, context);
  tell(queue_job(job, history, /*by=*/"", *scheduler, std::time(nullptr)), run.paths().job_script(), context);
}

}  // namespace

void add_submit(CLI::App& app, Context& context) {
  auto options = std::make_shared<SubmitOptions>();
  auto* command = app.add_subcommand("submit", "Queue a job that trains, after checking it against the limits of the queue");
  add_plan_options(*command, options->plan);
  command
      ->add_option("--dry-run", options->dry_run,
                   "client: print the job script and write nothing; server: let the server check the job, and take it back")
      ->expected(0, 1)
      ->default_str("client")
      ->check(CLI::IsMember({"client", "server"}));
  command->footer(
      "Examples:\n  llmrun submit my-run.yaml --set job.account=PROJECT --set job.queue=debug --set job.walltime=01:00:00\n"
      "  llmrun submit my-run.yaml --dry-run          # the script, on stdout");
  command->callback([=, &context] { submit(*options, context); });
}

}  // namespace llmrun::cli
