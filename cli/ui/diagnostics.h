#pragma once
#include <string>

#include "engine/core/error.h"
#include "engine/core/json.h"

namespace llmrun::cli {

/// An error as people read it: what, the line of the file with a caret, who set it, a hint to type.
std::string diagnostics(const Error& error, bool colored);

/// {"version": 1, "error": {"code": 3, "complaints": [{"what", "file", "line", "column", "because", "hint"}]}}: absent where not known.
json diagnostics_json(const Error& error);

}  // namespace llmrun::cli
