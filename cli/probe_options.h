#pragma once
#include "cli/context.h"
#include "cli/plan_options.h"
#include "launcher/doctor/rank_probe.h"

namespace llmrun::cli {

/// Hosts, hardware and ranks for a probe: those of this allocation or of --hostfile, and this machine's nodes as they are. No model is
/// asked for. `resolved`: the configuration of these words.
PlanInput probe_input(const PlanOptions& options, Resolved resolved, const Variables& environment);

/// A probe of llmrun-rank with these words, which tells what it hears on stderr.
RankProbe rank_probe(std::vector<std::string> words, Context& context);

}  // namespace llmrun::cli
