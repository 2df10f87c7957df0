#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json.h"
#include "engine/core/plan.h"
#include "launcher/report/failure.h"
#include "launcher/report/run_history.h"

namespace llmrun {

/// The checkpoints of a run that are whole, by their names: step-00000100 counts once its manifest is there.
struct CheckpointList {
  std::vector<int64_t> steps;  // ascending
};
CheckpointList list_checkpoints(const RunPaths& paths);

/// Of the end of a file, whatever it holds; none where there is no such file.
std::vector<std::string> last_lines_of(const std::filesystem::path& file, size_t most);

/// The last whole line of metrics.jsonl; null where there is none.
json last_metrics(const RunPaths& paths);

/// The plan of the newest launch; empty where the run was never launched, or plan.json is of another version.
std::optional<Plan> plan_of_run(const RunPaths& paths);

/// Why an attempt ended as it did, from its error files, or from its exit code alone. Empty for one that ended well or runs.
std::optional<Failure> failure_of_attempt(const RunPaths& paths, const Attempt& attempt, const std::optional<Plan>& plan);

}  // namespace llmrun
