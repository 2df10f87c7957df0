#pragma once
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "engine/comm/mesh.h"
#include "engine/core/error.h"
#include "engine/core/plan.h"
#include "engine/model/model.h"

namespace llmrun {

/// What differs between the ranks and attempts of one plan.
struct TrainerOptions {
  int attempt = 1;
  std::shared_ptr<spdlog::logger> log;
  at::Device device = at::kCPU;
  /// The signal that asked to stop, 0 for none. Any rank may see it: all stop after the same step, with a checkpoint.
  const std::atomic<int>* signal = nullptr;
  /// When to stop, with a checkpoint, because the job's time is nearly over: by this rank's own clock, which nobody sets.
  std::optional<std::chrono::steady_clock::time_point> stop_at;
  /// Names where the rank is ("forward and backward, step 7"): an error report and the fault injection of tests read it.
  std::function<void(const char* section, int64_t step)> entering = [](const char*, int64_t) {};
};

/// The model that the plan asks for.
ModelOptions model_options(const Plan& plan, at::Device device);

/// Runs the plan to its last step on one rank: restore, then steps with metrics (rank 0), evaluations and checkpoints. Every rank of the
/// world calls it. Returns done, 128 + signal where it was asked to stop, or resubmit where its time was over (a checkpoint is saved then).
/// Errors are thrown; the caller aborts the mesh.
Exit train(const Plan& plan, const Mesh& mesh, const TrainerOptions& options);

}  // namespace llmrun
