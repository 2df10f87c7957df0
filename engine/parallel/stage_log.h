#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace llmrun {

/// What a stage did, in the order it began: work of a unit, and what ZeRO 2 and 3 (presence.h) and offload of activations
/// (activation_offload.h) ask for around it. Tests hold overlap
/// against it; a timeline is drawn from it.
struct StageEvent {
  enum class What {
    forward,
    restore,  // selective recompute
    backward_input,
    backward_weight,
    gather_posted,    // parameters are asked for
    gather_awaited,   // and there
    reduce_posted,    // the sum of gradients is begun
    reduce_awaited,   // and done
    offload_posted,   // what a unit saved leaves for host memory
    offload_awaited,  // and has left
    fetch_posted,     // comes back
    fetch_awaited,    // and is there
  };
  using Clock = std::chrono::steady_clock;

  What what;
  size_t unit = 0;           // index of Stage::units
  int64_t micro_batch = -1;  // of work
  Clock::time_point begin, end;
};

class StageLog {
 public:
  /// Lasts until the returned index is closed.
  size_t begin(StageEvent::What what, size_t unit, int64_t micro_batch = -1) {
    const auto now = StageEvent::Clock::now();
    events_.push_back({what, unit, micro_batch, now, now});
    return events_.size() - 1;
  }
  void end(size_t index) { events_[index].end = StageEvent::Clock::now(); }
  const std::vector<StageEvent>& events() const { return events_; }

 private:
  std::vector<StageEvent> events_;
};

}  // namespace llmrun
