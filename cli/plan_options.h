#pragma once
#include "cli/context.h"
#include "cli/run_options.h"
#include "launcher/plan/make_plan.h"

namespace llmrun::cli {

/// What every command that makes a plan takes: [RUN.yaml] [--set key=value]... [--ranks N] [--hostfile FILE].
struct PlanOptions {
  RunOptions run;
  std::optional<int64_t> ranks;
  std::optional<std::string> hostfile;
};

void add_plan_options(CLI::App& command, PlanOptions& options);
void add_hostfile_option(CLI::App& command, std::optional<std::string>& hostfile);

/// The hosts of this allocation, of `hostfile` or of a job to come, and the hardware of a node. Where ranks start, the node itself is
/// looked at, unless a person said what it has.
PlanInput look_around(Resolved resolved, const std::optional<std::string>& hostfile, std::optional<int64_t> ranks, Intent intent,
                      const Variables& environment);
/// What was odd about profiles, hosts and hardware.
void tell_notes(const PlanInput& input, Context& context);

/// Gives what the ALCF scripts work out from ranks and nodes its value, and says what is odd about it.
void settle(PlanInput& input, Context& context);

/// Reads configuration, hosts and hardware. Where ranks start, GPUs without a backend are refused. Notes go to the talk.
PlanInput unsettled_input(const PlanOptions& options, const Variables& environment, Intent intent, Context& context);
/// ... and settles what depends on the ranks.
PlanInput plan_input(const PlanOptions& options, const Variables& environment, Intent intent, Context& context);

}  // namespace llmrun::cli
