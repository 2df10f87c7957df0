#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace llmrun::cli {

class Context;

/// What to follow and what to show of it.
struct TailOptions {
  std::string run = "last";
  std::string ranks;             // empty, and no hosts: the combined log
  std::string hosts;             // shell patterns
  std::optional<int64_t> lines;  // of history; empty: 20, or all that there is since `since`
  std::string since;
  std::string level;
  std::string grep;
  bool raw = false;
  int newer_than = -1;  // follow only attempts above this one: what was there before a job was queued is not shown
};

/// Follows a run, from its place in a queue over all its attempts to its end, and sets the exit code that it ended with; Ctrl-C sets 130
/// and leaves the run alone. Throws Error(Exit::usage) for options that fit no run, before it waits.
void tail_run(const TailOptions& options, Context& context);

}  // namespace llmrun::cli
