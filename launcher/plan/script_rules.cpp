#include "launcher/plan/script_rules.h"

#include <algorithm>
#include <cmath>

#include "engine/core/spec/decode.h"

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
}

int64_t micro_batch_of(std::string_view machine, int64_t nodes) {
  if (machine != "polaris" && machine != "sophia") return 1;
  return nodes < 3 ? 1 : nodes < 8 ? 2 : 4;
}

int64_t accumulate_of(std::string_view machine, int64_t nodes) {
  if (machine == "polaris" || machine == "sophia") return 8;
  if (machine != "aurora" && machine != "sunspot") return 1;
  return nodes < 16 ? 16 : nodes < 33 ? 8 : nodes < 128 ? 4 : nodes < 256 ? 2 : 1;
}

/// ALCF/helpers.sh: what its machines take by themselves.
void settle_by_machine(Resolved& resolved, int64_t nodes) {
  TrainConfig& train = resolved.config.train;
  const std::string& machine = resolved.config.machine.profile;
  if (machine == "perlmutter" && !resolved.is_set("parallel.tensor")) {
    resolved.config.parallel.tensor = 2;
    resolved.derived["parallel.tensor"] = "alcf: on Perlmutter";
  }
  const std::string rule = fmt::format("alcf: {} node{} of '{}'", nodes, nodes == 1 ? "" : "s", machine);
  if (!resolved.is_set("train.micro_batch")) {
    train.micro_batch = micro_batch_of(machine, nodes);
    resolved.derived["train.micro_batch"] = rule;
  }
  if (!resolved.is_set("train.accumulate") && !resolved.is_set("train.global_batch")) {
    train.accumulate = accumulate_of(machine, nodes);
    resolved.derived["train.accumulate"] = rule;
  }
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
  if (auto unbuilt = complain_of_unbuilt(resolved.config, [&](std::string_view path) { return resolved.where(path); }); !unbuilt.empty())
    throw Error(Exit::config, std::move(unbuilt));
  return notes;
}

int64_t warmup_steps(const Resolved& resolved, int64_t steps) {
  if (resolved.rules.warmup == 0 || resolved.is_set("optimizer.warmup_steps")) return resolved.config.optimizer.warmup_steps;
  return std::llround(resolved.rules.warmup * static_cast<double>(steps));
}

}  // namespace llmrun
