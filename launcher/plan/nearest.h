#pragma once
#include <optional>
#include <vector>

#include "launcher/plan/layout.h"
#include "launcher/plan/validate.h"

namespace llmrun {

/// How many ranks a run has: a number that somebody said or that the hosts hold, or what the axes ask for on so many hosts.
struct RankCount {
  std::optional<int64_t> said;
  int64_t hosts = 1;
  std::optional<int64_t> most = {};  // that the hosts have room for

  int64_t of(const ParallelConfig& parallel) const { return said ? *said : ranks_for_hosts(parallel, hosts); }
};

struct LaidOut {
  Layout layout;
  Batch batch;
};

/// The layout of a run and the batch that follows from it. What cannot be is complained of with the nearest that can: of the axes that were
/// asked for, and of the lengths and sizes that they share out, those that change by the smallest factors, as options to type. `shaped`:
/// whether check_model() has passed; without it only numbers of ranks are checked.
LaidOut lay_out(const Resolved& resolved, const RankCount& ranks, bool shaped, std::vector<Complaint>& complaints);

}  // namespace llmrun
