#include "engine/core/pipeline/schedule.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <utility>

#include <fmt/format.h>

namespace llmrun {
namespace {

using Kind = StageAction::Kind;
using Actions = std::vector<StageAction>;

Actions all_forward_all_backward(int64_t micro_batches) {
  Actions actions;
  for (int64_t i = 0; i < micro_batches; ++i) actions.push_back({Kind::forward, i});
  for (int64_t i = 0; i < micro_batches; ++i) actions.push_back({Kind::backward, i});
  return actions;
}

Actions one_forward_one_backward(int64_t stage, int64_t stages, int64_t micro_batches) {
  Actions actions;
  const int64_t warm_up = std::min(stages - stage - 1, micro_batches);
  int64_t forwards = 0, backwards = 0;
  const auto forward = [&] { actions.push_back({Kind::forward, forwards++}); };
  const auto backward = [&] { actions.push_back({Kind::backward, backwards++}); };
  while (forwards < warm_up) forward();
  while (forwards < micro_batches) {
    forward();
    backward();
  }
  while (backwards < micro_batches) backward();
  return actions;
}

/// Micro-batches in groups of as many as there are stages, a group chunk by chunk.
Actions in_groups(Kind kind, const PipelinePlacement& placement, int64_t micro_batches) {
  Actions actions;
  for (int64_t begin = 0; begin < micro_batches; begin += placement.stages)
    for (int64_t i = 0; i < placement.chunks; ++i)
      for (int64_t micro_batch = begin; micro_batch < std::min(begin + placement.stages, micro_batches); ++micro_batch)
        actions.push_back({kind, micro_batch, kind == Kind::forward ? i : placement.chunks - 1 - i});
  return actions;
}

Actions interleaved(int64_t stage, const PipelinePlacement& placement, int64_t micro_batches) {
  assert(micro_batches % placement.stages == 0);
  const Actions forwards = in_groups(Kind::forward, placement, micro_batches);
  const Actions backwards = in_groups(Kind::backward, placement, micro_batches);
  const int64_t warm_up =
      std::min<int64_t>(std::ssize(forwards), 2 * (placement.stages - stage - 1) + (placement.chunks - 1) * placement.stages);
  Actions actions(forwards.begin(), forwards.begin() + warm_up);
  for (size_t i = 0; i < backwards.size(); ++i) {
    if (warm_up + i < forwards.size()) actions.push_back(forwards[warm_up + i]);
    actions.push_back(backwards[i]);
  }
  return actions;
}

/// Writes actions down in their order, and remembers which weight gradients are still owed.
class Script {
 public:
  /// Micro-batches from `micro_batches` on are counted and left out.
  explicit Script(int64_t micro_batches) : micro_batches_(micro_batches) {}

  void forward(int64_t chunk = 0) { add(Kind::forward, chunk); }
  void backward_input(int64_t chunk = 0) {
    add(Kind::backward_input, chunk);
    owed_.push_back(chunk);
  }
  /// The oldest that is owed.
  void backward_weight() {
    add(Kind::backward_weight, owed_.front());
    owed_.pop_front();
  }
  int64_t forwards(int64_t chunk = 0) const { return done_[static_cast<size_t>(Kind::forward)][static_cast<size_t>(chunk)]; }
  int64_t owed() const { return std::ssize(owed_); }
  Actions take() { return std::move(actions_); }

 private:
  void add(Kind kind, int64_t chunk) {
    const int64_t micro_batch = done_[static_cast<size_t>(kind)][static_cast<size_t>(chunk)]++;
    if (micro_batch < micro_batches_) actions_.push_back({kind, micro_batch, chunk});
  }

  int64_t micro_batches_;
  int64_t done_[4][2] = {};  // by kind and chunk
  std::deque<int64_t> owed_;
  Actions actions_;
};

Actions zero_bubble_h1(int64_t stage, int64_t stages, int64_t micro_batches) {
  Script script(micro_batches);
  int64_t backwards = 0;
  const auto backward = [&] {
    script.backward_input();
    ++backwards;
    if (script.owed() > stage) script.backward_weight();
  };
  while (script.forwards() < std::min(stages - stage - 1, micro_batches)) script.forward();
  while (script.forwards() < micro_batches) {
    script.forward();
    backward();
  }
  while (backwards < micro_batches) backward();
  while (script.owed() > 0) script.backward_weight();
  return script.take();
}

/// With fewer micro-batches than the pattern has, those that are missing are left out of it.
Actions zero_bubble_v(int64_t stage, int64_t stages, int64_t micro_batches) {
  constexpr int64_t there = 0, back = 1;  // the chunks
  const int64_t behind = stages - stage, whole = std::max(micro_batches, 2 * stages - 1);
  Script script(micro_batches);
  for (int64_t i = 0; i < 2 * behind - 1; ++i) script.forward(there);
  for (int64_t i = 0; i < stage; ++i) {
    script.forward(back);
    script.forward(there);
  }
  for (int64_t i = 0; i < behind; ++i) {
    script.forward(back);
    script.backward_input(back);
    script.backward_weight();
  }
  while (script.forwards(back) < whole) {
    if (script.forwards(there) < whole) script.forward(there);
    script.backward_input(there);
    script.backward_weight();
    script.forward(back);
    script.backward_input(back);
    script.backward_weight();
  }
  for (int64_t i = 0; i < stage; ++i) {
    script.backward_input(there);
    script.backward_input(back);
  }
  for (int64_t i = 0; i < behind; ++i) {
    script.backward_input(there);
    script.backward_weight();
  }
  while (script.owed() > 0) script.backward_weight();
  return script.take();
}

Actions stage_actions(Schedule schedule, int64_t stage, const PipelinePlacement& placement, int64_t micro_batches) {
  switch (schedule) {
    case Schedule::gpipe:
      return all_forward_all_backward(micro_batches);
    case Schedule::one_f_one_b:
      return one_forward_one_backward(stage, placement.stages, micro_batches);
    case Schedule::interleaved:
      return interleaved(stage, placement, micro_batches);
    case Schedule::zero_bubble:
      return zero_bubble_h1(stage, placement.stages, micro_batches);
    case Schedule::zero_bubble_v:
      return zero_bubble_v(stage, placement.stages, micro_batches);
  }
  return {};
}

}  // namespace

std::string spelling(const StageAction& action) {
  constexpr std::string_view letters = "FBBW";
  return fmt::format("{}{}{}", letters[static_cast<size_t>(action.kind)], action.micro_batch,
                     action.chunk > 0 ? fmt::format(".{}", action.chunk) : "");
}

PipelineSchedule pipeline_schedule(Schedule schedule, const PipelinePlacement& placement, int64_t micro_batches) {
  PipelineSchedule whole{placement, {}};
  for (int64_t stage = 0; stage < placement.stages; ++stage)
    whole.stages.push_back(stage_actions(schedule, stage, placement, micro_batches));
  return whole;
}

PipelineSchedule forward_only(const PipelinePlacement& placement, int64_t micro_batches) {
  const Actions actions = in_groups(Kind::forward, placement, micro_batches);
  return {placement, std::vector<Actions>(static_cast<size_t>(placement.stages), actions)};
}

int64_t peak_micro_batches(const Actions& actions) {
  int64_t held = 0, peak = 0;
  for (const StageAction& action : actions) {
    if (action.kind == Kind::forward) peak = std::max(peak, ++held);
    if (action.kind == Kind::backward || action.kind == Kind::backward_weight) --held;
  }
  return peak;
}

}  // namespace llmrun
