#pragma once
#include <CLI/CLI.hpp>

#include "engine/core/error.h"

namespace llmrun {

/// What CLI11 says against the options of `command`, in our words (Exit::usage): the option, the value in quotes, what it must be, and the
/// nearest word where it is one of a list. CLI11's own sentences speak of its types, limits of 300 digits and maps of enumerators.
Error refusal(const CLI::App& command, const CLI::ParseError& failure);

}  // namespace llmrun
