#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json.h"
#include "engine/core/plan.h"
#include "launcher/report/exit_meaning.h"
#include "launcher/report/failure.h"
#include "launcher/report/run_history.h"

namespace llmrun {

/// The last whole line of metrics.jsonl; null where there is none.
json last_metrics(const RunPaths& paths);

/// The plan of the newest launch; empty where the run was never launched, or plan.json is of another version.
std::optional<Plan> plan_of_run(const RunPaths& paths);

/// The same for `show` and `history`; `whose`: its exit code.
json attempt_json(const Attempt& attempt, ExitCodes whose);

/// Why an attempt ended as it did, from its error files, the reports in its log, or its exit code alone. Empty for one that ended well,
/// runs, or was told to stop. `whose`: its exit code.
std::optional<Failure> failure_of_attempt(const RunPaths& paths, const Attempt& attempt, ExitCodes whose, const std::optional<Plan>& plan);

}  // namespace llmrun
