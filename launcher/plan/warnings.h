#pragma once
#include <string>
#include <vector>

#include "launcher/plan/fit.h"

namespace llmrun {

/// What can be done and is hardly meant, a line each: what does not fit (fit.h), keys without effect, shards that leave their node,
/// learning rates that do not go as their names say.
std::vector<std::string> warnings_of(const Plan& plan, const Forecast& costs, const NodeShape& node);

}  // namespace llmrun
