#pragma once
#include <string>
#include <vector>

#include "launcher/plan/forecast.h"
#include "launcher/topo/node_shape.h"

namespace llmrun {

/// A line a pipeline stage that a GPU of the node cannot hold, or one where the ranks on CPUs are beyond their host's memory, even without
/// what an allocator rounds up and kernels take for themselves, and what makes it less. Empty where all fits, or nobody knows how much
/// memory there is.
std::vector<std::string> what_does_not_fit(const Plan& plan, const Forecast& costs, const NodeShape& node);

}  // namespace llmrun
