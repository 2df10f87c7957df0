#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/core/layout.h"
#include "launcher/profile/resolved.h"

namespace llmrun {

/// The axes of `ranks` ranks: `parallel` as configured, with `data` what the other axes leave where it is auto. Nothing, and a complaint
/// that shows the arithmetic and the nearest numbers that work, where the ranks are not their product.
std::optional<Layout> derive_layout(const Resolved& resolved, int64_t ranks, std::vector<Complaint>& complaints);

/// The numbers of ranks nearest to `ranks` that the axes would fill; none where they fill `ranks` itself.
std::vector<int64_t> other_ranks(const ParallelConfig& parallel, int64_t ranks);
/// "--ranks 4 or --ranks 8".
std::string ranks_hint(const std::vector<int64_t>& numbers);

/// The ranks that the axes ask for by themselves, `data` counting 1 where it is auto.
int64_t ranks_asked_for(const ParallelConfig& parallel);

/// Where nothing speaks of a number: what the axes ask for, times the data ranks that give every host one.
int64_t ranks_for_hosts(const ParallelConfig& parallel, int64_t hosts);

}  // namespace llmrun
