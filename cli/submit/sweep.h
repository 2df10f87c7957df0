#pragma once
#include "cli/submit/desk.h"

namespace llmrun::cli {

/// Queues the members of a sweep that are neither finished nor queued: as one array job, or where only one is left as a job of its own.
/// Each is a run with a directory of its own under that of the sweep.
void submit_sweep(const SubmitOptions& options, Context& context);

}  // namespace llmrun::cli
