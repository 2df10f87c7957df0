#include "cli/probe_options.h"

#include "launcher/process/sibling.h"

namespace llmrun::cli {

PlanInput probe_input(const PlanOptions& options, Resolved resolved, const Variables& environment) {
  PlanInput input;
  input.resolved = std::move(resolved);
  std::optional<std::filesystem::path> hostfile;
  if (!options.hostfile.empty()) hostfile = options.hostfile;
  input.allocation = find_allocation(hostfile, environment, short_host_name());
  const Witness witness = input.resolved.node_is_said ? Witness::profile : Witness::hardware;
  input.node = node_shape(input.resolved.config.machine.node, witness, environment);
  input.ranks = options.ranks;
  input.directory = std::filesystem::current_path();
  return with_default_ranks(std::move(input));
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
