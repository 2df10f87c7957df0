#pragma once
#include <string>

namespace llmrun {

/// What an exit code of a run says, in a few words: the table of README.md and error.h. "stopped before its walltime, to be continued" for
/// 75, "signal 9 (SIGKILL)" for 137.
std::string exit_meaning(int code);

}  // namespace llmrun
