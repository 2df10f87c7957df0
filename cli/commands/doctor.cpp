#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/probe_options.h"
#include "cli/ui/findings.h"
#include "launcher/doctor/judge_hosts.h"
#include "launcher/doctor/run_checks.h"
#include "launcher/doctor/surroundings.h"
#include "launcher/rundir/log_name.h"

namespace llmrun::cli {
namespace {

struct DoctorOptions {
  PlanOptions plan;
  bool network = false;
  double patience_s = 10;
};

std::chrono::milliseconds milliseconds(double seconds) { return std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds)); }

Surroundings surroundings(const DoctorOptions& options, const Variables& environment) {
  Surroundings here;
  here.environment = environment;
  here.sources = sources_of(options.plan.run);
  try {
    here.resolved = read_config(here.sources);
  } catch (const Error& error) {
    here.refused = error;
  }
  here.program = std::filesystem::read_symlink("/proc/self/exe");
  here.version = LLMRUN_VERSION;
  here.user = user_name();
  here.patience = milliseconds(options.patience_s);
  here.network = options.network;
  return here;
}

/// What the ranks of the allocation found, or those of --ranks here; nothing outside one. Where they cannot be started, that is the
/// finding. `report`: what they said.
std::vector<Finding> examine_hosts(const DoctorOptions& options, const Surroundings& here, Context& context, json& report) {
  try {
    const PlanInput input = probe_input(options.plan, here.resolved, here.environment);
    if (input.allocation.this_machine_only() && !options.plan.ranks) return {};
    const RankProbe probe = rank_probe({"diagnose", "--directory", place_of_runs(input.directory, here.config()).string()}, context);
    const ProbeAnswer answer = run_rank_probe(input, probe, here.environment);
    if (answer.text.empty())
      throw Error(Exit::preflight, "they ended with {}: {}", answer.exit_code, answer.cause).hint("llmrun bench comm shows what they say");
    report = parse_json(answer.text);
    Expected expected{{}, input.node.gpus};
    for (const PlanHost& host : place_ranks(input).hosts) expected.hosts.push_back(host.name);
    return judge_hosts(report, expected);
  } catch (const Error& error) {
    return {{"ranks", "every host runs its ranks", {Verdict::fail, error.what(), error.complaints().back().hint}}};
  }
}

void doctor(const DoctorOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const Surroundings here = surroundings(options, environment);
  std::vector<Finding> findings = run_checks(checks_of_this_machine(here), 2 * here.patience);
  json report;
  const std::vector<Finding> more = examine_hosts(options, here, context, report);
  findings.insert(findings.end(), more.begin(), more.end());
  if (context.json)
    context.out().print("{}\n", findings_json(findings, here.sources.host, report).dump(2, ' ', false, json::error_handler_t::replace));
  else
    context.out().write(
        findings_table(findings, context.out().is_terminal() ? context.out().columns() : 0, context.colored(context.out())));
  context.talk().print("{}\n", findings_summary(findings));
  if (worst(findings) == Verdict::fail) context.set_exit(Exit::preflight);
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto options = std::make_shared<DoctorOptions>();
  auto* command = app.add_subcommand("doctor", "Look for what is wrong with this machine, or with the hosts of this allocation");
  add_plan_options(*command, options->plan);
  command->add_flag("--network", options->network,
                    "Also try the way to the outside; without it nothing beyond this machine and its scheduler is asked");
  command->add_option("--patience", options->patience_s, "How long one command may take; a check may take twice that")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 600.0));
  command->footer(
      "In an allocation, or with --ranks or --hostfile, ranks are started on every host and tell of it: one a GPU, else one a host. A "
      "warning "
      "is no failure; exit 5 where something failed.\nExamples:\n  llmrun doctor\n  llmrun doctor my-run.yaml --ranks 4\n  llmrun doctor "
      "--json");
  command->callback([=, &context] { doctor(*options, context); });
}

}  // namespace llmrun::cli
