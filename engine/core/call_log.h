#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/core/traffic.h"

namespace llmrun {

/// One call of a rank, by its host's clock: made, then asked for, then there. What lies between the first two is beside the rank's work,
/// what lies between the last two it stood still for.
struct LoggedCall {
  using Clock = std::chrono::steady_clock;
  Purpose purpose;
  Verb verb;
  int64_t bytes = 0;
  Clock::time_point made, asked, there;
};

/// The calls of a rank in the order made, while Traffic::log points here. Written by the rank's own thread only.
class CallLog {
 public:
  size_t make(Purpose purpose, Verb verb, int64_t bytes) {
    const auto now = LoggedCall::Clock::now();
    calls_.push_back({purpose, verb, bytes, now, now, now});
    return calls_.size() - 1;
  }
  void ask(size_t call) { calls_[call].asked = LoggedCall::Clock::now(); }
  void end(size_t call) { calls_[call].there = LoggedCall::Clock::now(); }
  const std::vector<LoggedCall>& calls() const { return calls_; }

 private:
  std::vector<LoggedCall> calls_;
};

}  // namespace llmrun
