#pragma once
#include "engine/core/error.h"
#include "engine/core/json.h"

namespace llmrun {

/// {"version": 1, "error": {"code": 3, "complaints": [{"what", "file", "line", "column", "because", "hint"}]}}: absent where not known.
/// What every program prints under --json.
json error_json(const Error& error);

/// How llmrun-rank and llmrun-checkpoint end a command: each complaint with its reasons and hint on stderr, made harmless for a terminal;
/// under --json also error_json on stdout. Returns the exit code.
int tell_error(const Error& error, bool as_json);

/// Flushes stdout. Throws Error(Exit::failed) where not all of it arrived (a full disk, a closed stdout): last thing of a command.
void check_stdout();

}  // namespace llmrun
