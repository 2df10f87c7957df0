#pragma once
#include <string>

#include "cli/context.h"
#include "launcher/follow/console.h"
#include "launcher/report/failure.h"

namespace llmrun::cli {

/// From here on a reader of ours that ends (`| head`; the tee beside us that a Ctrl-C ends too) takes nothing away but its lines: the run
/// goes on, and its logs have them all.
void outlive_readers();

/// Where an attempt shows itself: on `output`, control characters of the ranks made visible.
ConsoleStyle run_screen(Output& output);

/// The last word of an attempt that failed: the lines that the first failing rank wrote last, then the error. `next`: what to do.
[[noreturn]] void tell_failure(const Failure& failure, const std::string& next, Context& context);

}  // namespace llmrun::cli
