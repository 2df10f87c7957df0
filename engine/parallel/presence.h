#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "engine/parallel/sharded_state.h"
#include "engine/parallel/stage_log.h"
#include "engine/parallel/unit.h"

namespace llmrun {

/// The states whose buffers a unit works with.
struct UnitStates {
  ShardedState* own = nullptr;
  ShardedState* borrowed = nullptr;  // a tied head's projection, where it is the embedding's on the same stage: in forward only
};

/// What ZeRO 2 and 3 do around the work of a stage's units: whole buffers come before a unit works and go after it. Parameters are asked
/// for while the unit before works; a unit's gradients are summed while the next one works, and waited for behind it. Under ZeRO 0 and 1
/// nothing happens. The order of calls is that of the schedule, so that all ranks that share a unit make the same collectives.
class Presence {
 public:
  /// `states`: one a unit, or none at all, and then nothing is ever done. `log` may be null.
  Presence(const std::vector<std::unique_ptr<Unit>>& units, const std::vector<UnitStates>& states, bool training, StageLog* log)
      : units_(units), states_(states), training_(training), log_(log) {}

  void want_for_forward(size_t unit);
  void before_forward(size_t unit);
  void after_forward(size_t unit);
  void want_for_backward(size_t unit);
  void before_backward_input(size_t unit);
  void after_backward_input(size_t unit);
  void before_backward_weight(size_t unit);
  void after_backward_weight(size_t unit);
  /// At the end of the walk.
  void finish();

 private:
  void note(StageEvent::What what, size_t unit) const {
    if (log_ != nullptr) log_->begin(what, unit);
  }
  void want(ShardedState& state, size_t unit);
  void have(ShardedState& state, size_t unit);

  const std::vector<std::unique_ptr<Unit>>& units_;
  const std::vector<UnitStates>& states_;
  bool training_;
  StageLog* log_;
  std::optional<size_t> reducing_;  // the last unit whose gradients are under way
};

}  // namespace llmrun
