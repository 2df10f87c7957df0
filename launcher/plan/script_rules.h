#pragma once
#include "launcher/profile/resolved.h"

namespace llmrun {

/// What the ALCF scripts work out from the ranks and nodes, for keys that nobody set (resolved.rules says which): tensor or Ulysses ranks
/// are those that the other axes leave; micro batch and accumulation go by the machine and its nodes; warm-up is a share of the steps.
/// `derived` then says by which rule.
/// Returns notes for the user. Throws Error(Exit::config) where the outcome needs a feature that is not built.
std::vector<std::string> settle_script_rules(Resolved& resolved, int64_t ranks, int64_t nodes);

}  // namespace llmrun
