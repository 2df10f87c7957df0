#pragma once
#include "launcher/launch/program_rank.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// Runs the program of a rank and stays with it, between the launcher and the program: its lines go on to our stdout, whole, and into the
/// rank's log; SIGTERM, SIGINT, SIGHUP and SIGUSR1, by which launchers ask for an end, become one SIGTERM, whether they come to this
/// process alone or to its group; how it ended badly becomes the rank's error report, whatever the launcher says of it.
/// It takes two processes: the launcher knows the first, and kills it or its group as it likes; the second, in a session of its own, then
/// kills the program and all that it started.
/// Returns its exit code; where a signal killed it, both end by the same one.
int run_program(const ProgramRank& rank, const Variables& environment);

}  // namespace llmrun
