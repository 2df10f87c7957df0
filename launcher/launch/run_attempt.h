#pragma once
#include <optional>

#include "launcher/follow/console.h"
#include "launcher/launch/prepare.h"
#include "launcher/report/failure.h"
#include "launcher/rundir/run_dir.h"

namespace llmrun {

struct AttemptOutcome {
  int exit_code = 0;
  std::optional<Failure> failure;  // empty: done, stopped by a signal of the user, or stopped cleanly (75)
};

/// Writes what the directory of every launch holds before it starts: env.json, hostfile, launch.sh.
void write_launch_files(const RunDir& run, const Prepared& prepared, const Variables& environment);
/// The same, and what training needs: config.yaml, plan.json.
void write_run_files(const RunDir& run, const Plan& plan, const Prepared& prepared, const Variables& environment);

/// The steps that a run goes through, for its progress line and its record. A program that is none of ours has none.
struct Steps {
  int64_t last = 0;   // done after this many
  int64_t every = 1;  // a console line every so many
};
inline Steps steps_of(const Plan& plan) { return {plan.steps, plan.config.observe.every_steps}; }

/// Starts the ranks of one attempt and stays with them to the end: combined log, console, first failure, run.json.
/// `screen.log` is set here.
AttemptOutcome run_attempt(RunDir& run, const Launch& launch, const Attempt& attempt, Prepared& prepared, ConsoleStyle screen,
                           const Steps& steps, const Patience& patience = {});

}  // namespace llmrun
