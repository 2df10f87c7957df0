#pragma once
#include "cli/context.h"
#include "cli/run_options.h"
#include "launcher/plan/make_plan.h"

namespace llmrun::cli {

/// What every command that makes a plan takes: [RUN.yaml] [--set key=value]... [--ranks N] [--hostfile FILE].
struct PlanOptions {
  RunOptions run;
  std::optional<int64_t> ranks;
  std::string hostfile;
};

void add_plan_options(CLI::App& command, PlanOptions& options);

/// Reads configuration, hosts and hardware, and settles what depends on the ranks. `starting`: the ranks will start here, so hosts that are
/// only asked for do not count, the node itself is looked at, and GPUs without a backend are refused. Notes go to the talk.
PlanInput plan_input(const PlanOptions& options, const Variables& environment, bool starting, Context& context);

}  // namespace llmrun::cli
