#pragma once
#include <chrono>

#include "engine/core/plan.h"
#include "engine/model/model.h"
#include "engine/observe/metric_sink.h"
#include "engine/train/progress.h"
#include "engine/train/train_step.h"

namespace llmrun {

/// Measures a step from begin() to end() on this rank: time, traffic, memory, and the FLOPs of the one formula (engine/core/flops.h).
class StepMeter {
 public:
  StepMeter(const Plan& plan, const Mesh& mesh, Model& model, int attempt) : plan_(plan), mesh_(mesh), model_(model), attempt_(attempt) {}
  void begin();
  Metrics end(const Progress& done, const StepResult& result);  // this step too

 private:
  using Clock = std::chrono::steady_clock;
  const Plan& plan_;
  const Mesh& mesh_;
  Model& model_;
  int attempt_;
  Clock::time_point begin_;
  Traffic before_;
};

}  // namespace llmrun
