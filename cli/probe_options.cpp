#include "cli/probe_options.h"

#include "launcher/process/sibling.h"

namespace llmrun::cli {

PlanInput probe_input(const PlanOptions& options, Resolved resolved, const Variables& environment) {
  return with_default_ranks(look_around(std::move(resolved), options.hostfile, options.ranks, Intent::start, environment));
}

RankProbe rank_probe(std::vector<std::string> words, Context& context) {
  RankProbe probe;
  probe.words = std::move(words);
  probe.rank_program = sibling("llmrun-rank").string();
  probe.here = short_host_name();
  probe.on_line = [&context](std::string_view line) { context.talk().print("{}\n", printable(line)); };
  return probe;
}

}  // namespace llmrun::cli
