#include "launcher/plan/script_rules.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/core/spec/decode.h"
#include "launcher/plan/layout.h"
#include "launcher/plan/validate.h"

namespace llmrun {
namespace {

struct Share {
  int64_t ranks = 1;
  std::string arithmetic;  // "ranks 8 / parallel.pipeline 2"
};

/// The ranks that every axis but `left_out` leaves for it; 1 where they leave none. What does not divide is told by derive_layout.
Share what_is_left(const Resolved& resolved, int64_t ranks, std::string_view left_out) {
  const ParallelConfig& parallel = resolved.config.parallel;
  Share share{ranks, fmt::format("ranks {}", ranks)};
  for (const auto& [path, size] : {std::pair<std::string_view, int64_t>{"parallel.pipeline", parallel.pipeline},
                                   {"parallel.tensor", parallel.tensor},
                                   {"parallel.sequence_size", parallel.sequence_size},
                                   {"parallel.context", parallel.context},
                                   {"parallel.data", parallel.data.value_or(1)}}) {
    if (path == left_out || (size == 1 && path != "parallel.pipeline")) continue;
    share.ranks /= size;
    share.arithmetic += fmt::format(" / {} {}", path, size);
  }
  share.ranks = std::max<int64_t>(share.ranks, 1);
  return share;
}

/// MPSIZE that takes every rank leaves Ulysses none: the scripts then go on without it, and so do we, but say so.
void settle_sequence(Resolved& resolved, int64_t ranks, std::vector<std::string>& notes) {
  ParallelConfig& parallel = resolved.config.parallel;
  if (!resolved.is_set("parallel.sequence_size")) {
    const Share share = what_is_left(resolved, ranks, "parallel.sequence_size");
    parallel.sequence_size = share.ranks;
    resolved.derived["parallel.sequence_size"] = "alcf: " + share.arithmetic;
  }
  if (resolved.is_set("parallel.sequence")) return;
  parallel.sequence = parallel.sequence_size > 1 ? SequenceParallel::ulysses : SequenceParallel::none;
  resolved.derived["parallel.sequence"] = fmt::format("alcf: SP_TYPE=ds over {} ranks", parallel.sequence_size);
  if (parallel.sequence_size == 1)
    notes.push_back(fmt::format("warning: SP_TYPE=ds does nothing: parallel.tensor {} (MPSIZE) takes every rank", parallel.tensor));
  else if (parallel.tensor > 1 && resolved.settings.at("parallel.tensor").back().layer == "environment MPSIZE")
    notes.push_back(
        fmt::format("note: parallel.tensor {} (MPSIZE) counts, and SP_TYPE=ds takes the other ranks; the ALCF scripts put it "
                    "back to 1: unset MPSIZE",
                    parallel.tensor));
}

int64_t micro_batch_of_a100s(int64_t nodes) { return nodes < 3 ? 1 : nodes < 8 ? 2 : 4; }
int64_t accumulate_of_a100s(int64_t /*nodes*/) { return 8; }
int64_t accumulate_of_tiles(int64_t nodes) { return nodes < 16 ? 16 : nodes < 33 ? 8 : nodes < 128 ? 4 : nodes < 256 ? 2 : 1; }
int64_t one(int64_t /*nodes*/) { return 1; }

/// ALCF/helpers.sh: what its machines take by themselves.
struct MachineRule {
  std::string_view machine;
  int64_t tensor;
  int64_t (*micro_batch)(int64_t nodes);
  int64_t (*accumulate)(int64_t nodes);
};
constexpr MachineRule kOtherMachine{"", 1, one, one};
constexpr std::array kMachineRules{MachineRule{"polaris", 1, micro_batch_of_a100s, accumulate_of_a100s},
                                   MachineRule{"sophia", 1, micro_batch_of_a100s, accumulate_of_a100s},
                                   MachineRule{"aurora", 1, one, accumulate_of_tiles}, MachineRule{"sunspot", 1, one, accumulate_of_tiles},
                                   MachineRule{"perlmutter", 2, one, one}};

/// That of the machine, or of the nearest that its profile builds on: a site's own "polaris-large" is a Polaris.
const MachineRule& rule_of(const std::vector<std::string>& line) {
  for (auto name = line.rbegin(); name != line.rend(); ++name)
    for (const MachineRule& rule : kMachineRules)
      if (rule.machine == *name) return rule;
  return kOtherMachine;
}

void settle_by_machine(Resolved& resolved, int64_t nodes) {
  const MachineRule& rule = rule_of(resolved.machine_line);
  const std::string why = fmt::format("alcf: {} node{} of '{}'", nodes, nodes == 1 ? "" : "s",
                                      rule.machine.empty() ? std::string_view(resolved.config.machine.profile) : rule.machine);
  if (rule.tensor > 1 && !resolved.is_set("parallel.tensor")) {
    resolved.config.parallel.tensor = rule.tensor;
    resolved.derived["parallel.tensor"] = why;
  }
  if (!resolved.is_set("train.micro_batch")) {
    resolved.config.train.micro_batch = rule.micro_batch(nodes);
    resolved.derived["train.micro_batch"] = why;
  }
  if (!resolved.is_set("train.accumulate") && !resolved.is_set("train.global_batch")) {
    resolved.config.train.accumulate = rule.accumulate(nodes);
    resolved.derived["train.accumulate"] = why;
  }
}

/// The scripts' share of the steps, which layout and batch make of the tokens. Where those do not work out, make_plan() says why.
void settle_warmup(Resolved& resolved, int64_t ranks) {
  if (resolved.is_set("optimizer.warmup_steps")) return;
  std::vector<Complaint> told_by_make_plan;
  const std::optional<Layout> layout = derive_layout(resolved, ranks, told_by_make_plan);
  if (!layout) return;
  const Batch batch = derive_batch(resolved, *layout, told_by_make_plan);
  const int64_t steps = derive_steps(resolved, batch.global * resolved.config.train.seq_len, told_by_make_plan);
  resolved.config.optimizer.warmup_steps = std::llround(resolved.rules.warmup * static_cast<double>(steps));
  resolved.derived["optimizer.warmup_steps"] = fmt::format("alcf: {} of {} steps", resolved.rules.warmup, steps);
}

}  // namespace

std::vector<std::string> settle_script_rules(Resolved& resolved, int64_t ranks, int64_t nodes) {
  const ScriptRules rules = resolved.rules;
  std::vector<std::string> notes;
  if (rules.tensor && !resolved.is_set("parallel.tensor")) {
    const Share share = what_is_left(resolved, ranks, "parallel.tensor");
    resolved.config.parallel.tensor = share.ranks;
    resolved.derived["parallel.tensor"] = "alcf: " + share.arithmetic;
  }
  if (rules.sequence) settle_sequence(resolved, ranks, notes);
  if (rules.by_machine) settle_by_machine(resolved, nodes);
  if (rules.warmup > 0) settle_warmup(resolved, ranks);
  auto unbuilt =
      complain_of_unbuilt(resolved.config, [&](std::string_view path, Complaint& complaint) { resolved.locate(path, complaint); });
  if (!unbuilt.empty()) throw Error(Exit::config, std::move(unbuilt));
  return notes;
}

}  // namespace llmrun
