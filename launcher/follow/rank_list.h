#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/plan.h"

namespace llmrun {

/// "0", "0,8-11" or "all" of `ranks` ranks, ascending, each once. Throws Error(Exit::usage) where it names no rank of the run.
std::vector<int64_t> parse_ranks(std::string_view text, int64_t ranks);

/// The ranks on the hosts that a list of shell patterns fits ("x3001*,x3002c0s[0-3]*"; a host by its whole name or up to the first dot),
/// ascending. Ranks fill the hosts in their order. Throws Error(Exit::usage) where none fits.
std::vector<int64_t> ranks_on_hosts(const std::string& patterns, const std::vector<PlanHost>& hosts);

}  // namespace llmrun
