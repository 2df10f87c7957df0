#pragma once
#include <optional>
#include <vector>

#include "engine/core/plan.h"
#include "launcher/profile/resolved.h"

namespace llmrun {

/// What can be said of a configuration without knowing the ranks: sizes that are missing or do not fit each other.
/// False where the model has no shape at all, and nothing further can be checked.
bool check_model(const Resolved& resolved, std::vector<Complaint>& complaints);

/// What contradicts itself whatever the ranks, hosts and devices are; nothing of what a configuration leaves open.
void check_by_itself(const Resolved& resolved, std::vector<Complaint>& complaints);

/// No secret belongs in machine.environment: it is written into files that others may read.
void check_environment(const Resolved& resolved, std::vector<Complaint>& complaints);

/// Datasets without a name, and shares of them that add up to nothing.
void check_data(const Resolved& resolved, std::vector<Complaint>& complaints);

/// Keys that contradict each other whatever the layout is, and what the device, where it is known, cannot do. REQUIRES check_model to have
/// passed.
void check_layout(const Resolved& resolved, std::optional<Device> device, std::vector<Complaint>& complaints);

/// What the layout cannot split. REQUIRES check_model to have passed.
void check_axes(const Resolved& resolved, const Layout& layout, std::vector<Complaint>& complaints);

/// Sequences of a step and micro batches of a data rank, from global_batch or accumulate; complains where they do not divide.
struct Batch {
  int64_t global = 1;
  int64_t accumulate = 1;
};
Batch derive_batch(const Resolved& resolved, const Layout& layout, std::vector<Complaint>& complaints);

/// Whether the schedule of the pipeline can share out a step's micro-batches.
void check_schedule(const Resolved& resolved, const Layout& layout, int64_t accumulate, std::vector<Complaint>& complaints);

/// Steps of the run, from run.steps or run.tokens; complains of both and of neither.
int64_t derive_steps(const Resolved& resolved, int64_t tokens_per_step, std::vector<Complaint>& complaints);

}  // namespace llmrun
