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

/// Writes everything that the run directory holds before a launch: config.yaml, env.json, plan.json, hostfile, launch.sh.
void write_run_files(const RunDir& run, const Plan& plan, const Prepared& prepared, const Variables& environment);

/// Starts the ranks of one attempt and stays with them to the end: combined log, console, first failure, run.json.
/// `screen.log` is set here.
AttemptOutcome run_attempt(RunDir& run, const Plan& plan, const Attempt& attempt, Prepared& prepared, ConsoleStyle screen,
                           const Patience& patience = {});

}  // namespace llmrun
