#include "launcher/plan/warnings.h"

#include <fmt/format.h>

#include <numeric>

#include "engine/core/parameters.h"

namespace llmrun {
namespace {

void add_sequence(const Plan& plan, std::vector<std::string>& lines) {
  const SequenceParallel how = plan.config.parallel.sequence;
  if (how == SequenceParallel::megatron && plan.layout.tensor == 1)
    lines.emplace_back("parallel.sequence megatron slices nothing: parallel.tensor is 1");
  if (how == SequenceParallel::ulysses && plan.layout.sequence_size == 1)
    lines.emplace_back("parallel.sequence ulysses exchanges nothing: parallel.sequence_size is 1");
}

/// Ranks that share a shard stand `tensor` apart, and the groups follow each other: they stay inside nodes where a node holds whole ones.
void add_shard_group(const Plan& plan, std::vector<std::string>& lines) {
  const std::optional<int64_t> group = plan.config.parallel.shard_group;
  const int64_t tensor = plan.layout.tensor, node = plan.ranks_per_node;
  if (!group || plan.hosts.size() == 1 || node % (tensor * *group) == 0) return;
  const int64_t inside = node % tensor == 0 ? std::gcd(node / tensor, gradient_ranks(plan.layout)) : 1;
  lines.push_back(fmt::format("parallel.shard_group {} does not stay inside a node: its ranks are {} apart, and a node has {} ranks{}",
                              *group, tensor, node, inside > 1 ? fmt::format("; {} would", inside) : ""));
}

/// A floor or a warm-up of a run file outlives a rate or a length that is given over it.
void add_learning_rate(const Plan& plan, std::vector<std::string>& lines) {
  const OptimizerConfig& optimizer = plan.config.optimizer;
  if (optimizer.schedule != LrSchedule::constant && optimizer.min_lr && *optimizer.min_lr > optimizer.lr)
    lines.push_back(
        fmt::format("optimizer.min_lr {:g} is above optimizer.lr {:g}: the rate ends higher than it was", *optimizer.min_lr, optimizer.lr));
  if (optimizer.warmup_steps > plan.steps)
    lines.push_back(fmt::format("optimizer.warmup_steps {} are more than the run has, {}: the rate never reaches optimizer.lr",
                                optimizer.warmup_steps, plan.steps));
}

}  // namespace

std::vector<std::string> warnings_of(const Plan& plan, const Forecast& costs, const NodeShape& node) {
  std::vector<std::string> lines;
  for (const std::string& line : what_does_not_fit(plan, costs, node)) lines.push_back("does not fit: " + line);
  add_sequence(plan, lines);
  add_shard_group(plan, lines);
  add_learning_rate(plan, lines);
  return lines;
}

}  // namespace llmrun
