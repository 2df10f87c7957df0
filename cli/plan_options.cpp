#include "cli/plan_options.h"

#include "launcher/plan/backend.h"
#include "launcher/plan/layout.h"
#include "launcher/plan/script_rules.h"

namespace llmrun::cli {

void add_plan_options(CLI::App& command, PlanOptions& options) {
  add_run_options(command, options.run);
  command.add_option("-n,--ranks", options.ranks, "Ranks in all; default: one a GPU, a slot of the hostfile, or what the axes ask for")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20));
  add_hostfile_option(command, options.hostfile);
  options.run.contradictions = [&options](const Resolved& resolved, std::vector<Complaint>& complaints) {
    check_by_itself(resolved, complaints);
    if (options.ranks && resolved.was_read({"parallel"})) derive_layout(resolved, *options.ranks, complaints);
  };
}

void add_hostfile_option(CLI::App& command, std::optional<std::string>& hostfile) {
  add_text_option(command, "--hostfile", hostfile, "Hosts, a line each: host, host:N or host slots=N")->type_name("FILE");
}

PlanInput look_around(Resolved resolved, const std::optional<std::string>& hostfile, std::optional<int64_t> ranks, Intent intent,
                      const Variables& environment) {
  PlanInput input;
  input.resolved = std::move(resolved);
  input.allocation = allocation_for(intent, find_allocation(hostfile, environment, short_host_name()), input.resolved.config);
  const Witness witness = intent == Intent::start && !input.resolved.node_is_said ? Witness::hardware : Witness::profile;
  input.node = node_shape(input.resolved.config.machine.node, witness, environment);
  input.ranks = ranks;
  input.directory = std::filesystem::current_path();
  return input;
}

void tell_notes(const PlanInput& input, Context& context) {
  for (const std::vector<std::string>* notes : {&input.resolved.notes, &input.allocation.notes, &input.node.notes})
    for (const std::string& note : *notes) context.talk().print("llmrun: {}\n", printable(note));
}

void settle(PlanInput& input, Context& context) {
  const Placement placement = place_ranks(input);
  for (const std::string& note : settle_script_rules(input.resolved, placement.ranks(), static_cast<int64_t>(placement.hosts.size())))
    context.talk().print("llmrun: {}\n", printable(note));
}

PlanInput unsettled_input(const PlanOptions& options, const Variables& environment, Intent intent, Context& context) {
  PlanInput input = look_around(read_config(options.run), options.hostfile, options.ranks, intent, environment);
  tell_notes(input, context);
  input.flash = flash_variant(environment);
  if (intent == Intent::start) check_backend(input);
  return input;
}

PlanInput plan_input(const PlanOptions& options, const Variables& environment, Intent intent, Context& context) {
  PlanInput input = unsettled_input(options, environment, intent, context);
  settle(input, context);
  return input;
}

}  // namespace llmrun::cli
