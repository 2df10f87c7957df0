#pragma once
#include <string>

#include "engine/core/error.h"

namespace llmrun::cli {

/// An error as people read it: what, the line of the file with a caret, who set it, a hint to type.
std::string diagnostics(const Error& error, bool colored);

}  // namespace llmrun::cli
