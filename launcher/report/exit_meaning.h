#pragma once
#include <span>
#include <string>
#include <string_view>

#include "engine/core/error.h"
#include "launcher/rundir/record.h"

namespace llmrun {

/// What an exit code means to people.
struct ExitMeaning {
  Exit code;
  std::string_view brief;  // behind "exit 75: "; empty: the signal that it stands for says it
  std::string_view full;   // for the manual
};

/// Every code of error.h; 128 + n, the first rank to die died by signal n, is a rule and no row.
std::span<const ExitMeaning> exit_meanings();

/// Whose codes they are: those of llmrun and its trainer, or those of a program that `llmrun launch` started.
enum class ExitCodes { ours, foreign };
ExitCodes exit_codes_of(const RunRecord& record);

/// Whether that end was asked for: by a walltime, or by a person.
bool was_stopped(int code, ExitCodes whose);

/// In a few words: "stopped before its walltime, to be continued" for 75, "signal 9 (SIGKILL)" for 137, "failed" for a code of nobody's.
/// Nothing for one that only a foreign program knows the meaning of.
std::string exit_meaning(int code, ExitCodes whose = ExitCodes::ours);

/// "exit 3: invalid configuration"; of a foreign program "exit 3".
std::string exit_text(int code, ExitCodes whose = ExitCodes::ours);

}  // namespace llmrun
