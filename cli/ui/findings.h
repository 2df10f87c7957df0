#pragma once
#include <string>
#include <vector>

#include "engine/core/json.h"
#include "launcher/doctor/check.h"

namespace llmrun::cli {

/// A finding a line: verdict, name, what was seen, below it the remedy. Lines break between words at `columns`; 0: not at all.
std::string findings_table(const std::vector<Finding>& findings, size_t columns, bool colored);

/// {"version": 1, "host", "worst", "checks": [{"name", "asks", "result", "seen", "remedy"}], "report"}; `report` is what the ranks said
/// (null: none were asked).
json findings_json(const std::vector<Finding>& findings, const std::string& host, const json& report);

/// "25 checks: 2 warnings, 1 failure".
std::string findings_summary(const std::vector<Finding>& findings);

}  // namespace llmrun::cli
