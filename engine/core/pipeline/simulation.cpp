#include "engine/core/pipeline/simulation.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "engine/core/error.h"

namespace llmrun {
namespace {

using Kind = StageAction::Kind;

class Simulation {
 public:
  Simulation(const PipelineSchedule& schedule, const std::vector<PartTimes>& times)
      : schedule_(schedule), times_(times), next_(schedule.stages.size(), 0) {
    timeline_.stages.resize(schedule.stages.size());
  }

  PipelineTimeline run() {
    while (advance()) {
    }
    std::vector<std::string> stuck;
    for (size_t stage = 0; stage < next_.size(); ++stage)
      if (next_[stage] < schedule_.stages[stage].size())
        stuck.push_back(fmt::format("stage {} at {}", stage, spelling(schedule_.stages[stage][next_[stage]])));
    if (!stuck.empty()) throw Error(Exit::failed, "the pipeline's schedule waits for itself: {}", fmt::join(stuck, ", "));
    return std::move(timeline_);
  }

 private:
  struct Done {
    Kind kind;  // forward or backward_input
    int64_t micro_batch, part;
    auto operator<=>(const Done&) const = default;
  };

  /// Lets each stage go on as far as it can; whether any did.
  bool advance() {
    bool moved = false;
    for (size_t stage = 0; stage < next_.size(); ++stage)
      while (next_[stage] < schedule_.stages[stage].size() && act(stage, schedule_.stages[stage][next_[stage]])) {
        ++next_[stage];
        moved = true;
      }
    return moved;
  }

  bool act(size_t stage, const StageAction& action) {
    const int64_t part = schedule_.placement.part_of(static_cast<int64_t>(stage), action.chunk);
    const std::optional<double> ready = input(action, part);
    if (!ready) return false;
    std::vector<PipelineTimeline::Span>& spans = timeline_.stages[stage];
    const double begin = std::max(*ready, spans.empty() ? 0 : spans.back().end),
                 end = begin + time(action.kind, times_[static_cast<size_t>(part)]);
    spans.push_back({action, begin, end});
    timeline_.end = std::max(timeline_.end, end);
    if (action.kind == Kind::forward) done_[{Kind::forward, action.micro_batch, part}] = end;
    if (action.kind == Kind::backward || action.kind == Kind::backward_input) done_[{Kind::backward_input, action.micro_batch, part}] = end;
    return true;
  }

  /// When what the action takes is there; nothing: not yet.
  std::optional<double> input(const StageAction& action, int64_t part) const {
    switch (action.kind) {
      case Kind::forward:
        return part == 0 ? 0 : when({Kind::forward, action.micro_batch, part - 1});
      case Kind::backward_weight:
        return when({Kind::backward_input, action.micro_batch, part});
      default:
        break;
    }
    const std::optional<double> own = when({Kind::forward, action.micro_batch, part});
    if (part + 1 == schedule_.placement.parts()) return own;
    const std::optional<double> behind = when({Kind::backward_input, action.micro_batch, part + 1});
    return own && behind ? std::optional(std::max(*own, *behind)) : std::nullopt;
  }

  std::optional<double> when(const Done& what) const {
    const auto found = done_.find(what);
    return found == done_.end() ? std::nullopt : std::optional(found->second);
  }

  static double time(Kind kind, const PartTimes& part) {
    switch (kind) {
      case Kind::forward:
        return part.forward;
      case Kind::backward_input:
        return part.backward_input;
      case Kind::backward_weight:
        return part.backward_weight;
      case Kind::backward:
        break;
    }
    return part.backward_input + part.backward_weight;
  }

  const PipelineSchedule& schedule_;
  const std::vector<PartTimes>& times_;
  std::vector<size_t> next_;
  std::map<Done, double> done_;
  PipelineTimeline timeline_;
};

}  // namespace

double PipelineTimeline::busy(int64_t stage) const {
  double time = 0;
  for (const Span& span : stages[static_cast<size_t>(stage)]) time += span.end - span.begin;
  return time;
}

double PipelineTimeline::bubble() const {
  double most = 0;
  for (int64_t stage = 0; stage < std::ssize(stages); ++stage) most = std::max(most, busy(stage));
  return end / most - 1;
}

PipelineTimeline simulate(const PipelineSchedule& schedule, const std::vector<PartTimes>& times) {
  return Simulation(schedule, times).run();
}

int64_t micro_batches_of_formula(Schedule schedule, const PipelinePlacement& placement) {
  if (schedule == Schedule::zero_bubble_v) return 2 * placement.stages - 1;
  return schedule == Schedule::zero_bubble ? placement.stages : 1;
}

std::optional<double> bubble_formula(Schedule schedule, const PipelinePlacement& placement, int64_t micro_batches, const PartTimes& part) {
  if (micro_batches < micro_batches_of_formula(schedule, placement)) return {};
  const bool split = schedule == Schedule::zero_bubble || schedule == Schedule::zero_bubble_v;
  const double filled = split ? 2 * part.backward_weight : 0;  // a weight's gradient stands where 1F1B waits, at both ends
  return static_cast<double>(placement.stages - 1) * (part.all() - filled) /
         (static_cast<double>(micro_batches * placement.chunks) * part.all());
}

}  // namespace llmrun
