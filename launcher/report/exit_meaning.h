#pragma once
#include <span>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace llmrun {

/// What an exit code means to people.
struct ExitMeaning {
  Exit code;
  std::string_view brief;  // behind "exit 75: "; empty: the signal that it stands for says it
  std::string_view full;   // for the manual
};

/// Every code of error.h; 128 + n, the first rank to die died by signal n, is a rule and no row.
std::span<const ExitMeaning> exit_meanings();

/// In a few words: "stopped before its walltime, to be continued" for 75, "signal 9 (SIGKILL)" for 137, "failed" for a code of nobody's.
std::string exit_meaning(int code);

}  // namespace llmrun
