#pragma once
#include <span>
#include <string_view>

#include "engine/core/error.h"

namespace llmrun::cli {

struct ExitCode {
  Exit code;
  std::string_view means;
};

/// What every exit code means, for people; the last row of the manual's list, 128 + n, is a rule and no code.
std::span<const ExitCode> exit_codes();

}  // namespace llmrun::cli
