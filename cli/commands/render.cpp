#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/plan_options.h"
#include "launcher/launch/prepare.h"
#include "launcher/process/sibling.h"
#include "launcher/render/job_script.h"
#include "launcher/render/shell.h"
#include "launcher/render/template.h"

namespace llmrun::cli {
namespace {

struct RenderOptions {
  std::optional<std::string> what;  // script, launch; none: script where the machine has a scheduler, else launch
  PlanOptions plan;
};

bool is_thing_to_render(const std::string& word) { return word == "script" || word == "launch"; }

/// `render my.yaml` leaves out the first word.
RenderOptions in_order(RenderOptions options) {
  if (!options.what || is_thing_to_render(*options.what)) return options;
  if (const auto& file = options.plan.run.file)
    throw Error(Exit::usage, "'{}' is nothing to render", *options.what)
        .hint("llmrun render script {}, or llmrun render launch {}", *file, *file);
  options.plan.run.file = std::exchange(options.what, std::nullopt);
  return options;
}

std::string rendered(const RenderOptions& options, const PlanInput& input, const Variables& environment, Context& context) {
  const Plan plan = make_plan(input);
  const bool queued = plan.config.machine.scheduler != "local";
  const std::string what = options.what.value_or(queued ? "script" : "launch");
  if (what == "script" && queued) {
    if (plan.config.job.account.empty())
      context.talk().print("llmrun: note: job.account is not set, and {} may want one\n",
                           plan.config.machine.scheduler == "pbs" ? "qsub" : "sbatch");
    return job_script(plan, {.llmrun = std::filesystem::read_symlink("/proc/self/exe").string(),
                             .templates = template_directories(environment),
                             .size_key = input.resolved.model_size_key,
                             .ranks = input.ranks});
  }
  const Launch launch = launch_of(plan, sibling_path("llmrun-rank").string(), input.node.cores, short_host_name());
  const Prepared prepared = prepare(launch, choose_launcher(launch, environment), environment);
  return what == "script" ? prepared.script : shell_line(prepared.processes[0].argv) + "\n";
}

void render(const RenderOptions& as_typed, Context& context) {
  const RenderOptions options = in_order(as_typed);
  const Variables environment = Variables::of_this_process();
  const Intent intent = options.what == "launch" ? Intent::rehearse : Intent::queue;
  const std::string text = rendered(options, plan_input(options.plan, environment, intent, context), environment, context);
  if (context.json)
    context.out().print("{}\n", json{{"version", 1}, {"text", text}}.dump(2));
  else
    context.out().write(text);
}

}  // namespace

void add_render(CLI::App& app, Context& context) {
  auto options = std::make_shared<RenderOptions>();
  auto* command = app.add_subcommand("render", "Print the job script or the launch line of a run; write and start nothing");
  add_text_option(*command, "what", options->what, "script or launch; default: script where the machine has a scheduler")
      ->type_name("[script|launch]");
  add_plan_options(*command, options->plan);
  command->footer(
      "Examples:\n  llmrun render launch my-run.yaml --ranks 4\n  llmrun render script --machine polaris --model gpt-13b --nodes 10 "
      "--steps 1000");
  command->callback([=, &context] { render(*options, context); });
}

}  // namespace llmrun::cli
