#pragma once
#include <string_view>

#include "engine/core/error.h"
#include "launcher/process/ask.h"

namespace llmrun {

/// What a Slurm command that did not answer, or answered no, means: its own last line, and a remedy where the line is one that people meet.
/// Exit::unreachable where there was no controller to ask, else Exit::preflight.
Error slurm_error(std::string_view command, const Answer& answer);

/// Whether sbatch may have queued its job although it did not say so: the answer was lost on the way.
bool answer_was_lost(const Answer& answer);

}  // namespace llmrun
