#pragma once
#include <vector>

#include "engine/core/json.h"
#include "launcher/doctor/check.h"

namespace llmrun {

/// What the ranks were to find.
struct Expected {
  std::vector<std::string> hosts;  // of the launch, in order
  int64_t gpus = 0;                // a rank sees at least one of so many; 0: ranks compute on CPUs
};

/// Findings over all hosts from the report of `llmrun-rank diagnose`. A host that is half as fast as the median one is named, and so is one
/// that differs from the others. Throws std::exception of the JSON library where the report is none.
std::vector<Finding> judge_hosts(const json& report, const Expected& expected);

}  // namespace llmrun
