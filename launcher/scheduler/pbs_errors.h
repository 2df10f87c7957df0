#pragma once
#include <string_view>

#include "engine/core/error.h"
#include "launcher/process/ask.h"

namespace llmrun {

/// What a PBS command that did not answer, or answered no, means: its own last line, and a remedy where the line is one that people meet.
/// Exit::unreachable where there was no server to ask, else Exit::preflight.
Error pbs_error(std::string_view command, const Answer& answer);

}  // namespace llmrun
