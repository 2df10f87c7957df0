#include "engine/core/pipeline_schedule.h"

#include <algorithm>

namespace llmrun {

using Kind = StageAction::Kind;

std::vector<StageAction> one_forward_one_backward(int64_t stage, int64_t stages, int64_t micro_batches) {
  std::vector<StageAction> actions;
  const int64_t warm_up = std::min(stages - stage - 1, micro_batches);
  int64_t forwards = 0, backwards = 0;
  auto forward = [&] { actions.push_back({Kind::forward, forwards++}); };
  auto backward = [&] { actions.push_back({Kind::backward, backwards++}); };
  while (forwards < warm_up) forward();
  while (forwards < micro_batches) {
    forward();
    backward();
  }
  while (backwards < micro_batches) backward();
  return actions;
}

std::vector<StageAction> forward_only(int64_t micro_batches) {
  std::vector<StageAction> actions;
  for (int64_t i = 0; i < micro_batches; ++i) actions.push_back({Kind::forward, i});
  return actions;
}

int64_t peak_micro_batches(const std::vector<StageAction>& actions) {
  int64_t held = 0, peak = 0;
  for (const StageAction& action : actions) {
    if (action.kind == Kind::forward) peak = std::max(peak, ++held);
    if (action.kind == Kind::backward) --held;
  }
  return peak;
}

double pipeline_bubble(int64_t stages, int64_t micro_batches) {
  return static_cast<double>(stages - 1) / static_cast<double>(micro_batches);
}

}  // namespace llmrun
