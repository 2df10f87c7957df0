#pragma once
#include <chrono>
#include <vector>

#include "launcher/doctor/check.h"

namespace llmrun {

/// Runs all checks at once and waits for `deadline` at most; the findings in the order of the checks. Each runs in a process of its own,
/// with nothing of our streams: one that asks a dead file system cannot be stopped, not even by SIGKILL, and is left behind with a `fail`
/// that says so. What a check throws is a `fail` with the error's words and hint. REQUIRES that this process has one thread.
std::vector<Finding> run_checks(const std::vector<Check>& checks, std::chrono::milliseconds deadline);

}  // namespace llmrun
