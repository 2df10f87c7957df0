#pragma once
#include <string>

#include "tests/cli/command.h"

namespace llmrun {

/// llmrun on a Polaris login node, beside a PBS server that is a folder (tests/fakes/pbs).
inline Outcome on_polaris(const CommandLine& shell, const std::string& words) {
  std::filesystem::create_directory(shell.path("pbs"));
  return shell("export FAKE_PBS=\"$PWD/pbs\" PATH='" LLMRUN_SOURCE_DIR "/tests/fakes/pbs':$PATH; " + words);
}

/// A run that the server takes, in the queue that holds several jobs of a user.
inline const std::string kSubmitKing =
    "llmrun submit --set machine=polaris --set model=gpt-1.5b --set run.steps=100 --set run.name=king --set job.nodes=2 --set "
    "parallel.tensor=8 --set job.account=datascience --set job.walltime=1:00:00 --set job.queue=preemptable ";

inline std::string full_id(const std::string& number) { return number + ".polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"; }

}  // namespace llmrun
