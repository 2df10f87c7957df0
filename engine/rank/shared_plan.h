#pragma once
#include <filesystem>
#include <memory>

#include "engine/comm/rendezvous.h"
#include "engine/core/plan.h"

namespace llmrun {

/// plan.json as every rank of a launch has it.
struct SharedPlan {
  Plan plan;
  std::unique_ptr<Rendezvous> passed_on_by;  // rank 0's must live until every rank has the plan; null where each rank read the file
};

/// Where the launcher's PMIx server answers, rank 0 alone reads the file and the server passes it on: ten thousand ranks that open one file
/// together are a storm on a parallel file system. Without PMIx ranks find each other through a file in the run directory anyway, and each
/// reads the plan too. Errors are those of read_plan.
SharedPlan share_plan(const std::filesystem::path& path);

}  // namespace llmrun
