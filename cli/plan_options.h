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

/// The hosts of this allocation or of `hostfile`, and the hardware of a node. `starting`: ranks will start here, so hosts that are only
/// asked for do not count, and the node itself is looked at, unless a person said what it has.
PlanInput look_around(Resolved resolved, const std::optional<std::string>& hostfile, std::optional<int64_t> ranks, bool starting,
                      const Variables& environment);
/// What was odd about profiles, hosts and hardware.
void tell_notes(const PlanInput& input, Context& context);

/// Reads configuration, hosts and hardware, and settles what depends on the ranks. `starting`: as above, and GPUs without a
/// backend are refused. Notes go to the talk.
PlanInput plan_input(const PlanOptions& options, const Variables& environment, bool starting, Context& context);

}  // namespace llmrun::cli
