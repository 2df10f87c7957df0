#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/json.h"
#include "engine/core/layout.h"
#include "engine/core/model_shape.h"

namespace llmrun {

enum class Device { cpu, cuda };

struct PlanHost {
  std::string name;
  int64_t slots = 1;  // ranks that run there
  friend bool operator==(const PlanHost&, const PlanHost&) = default;
};

/// What llmrun decided and llmrun-rank carries out: plan.json in the run directory, the only thing that passes between the two.
/// It holds rules, never a list of ranks, so that it grows with the hosts at most. What differs between attempts (number, start time)
/// is not in it; rank 0 reads it and broadcasts it.
struct Plan {
  static constexpr int kVersion = 1;

  std::string name;  // of the run
  std::string dir;   // the run directory, absolute
  Layout layout;
  std::vector<PlanHost> hosts;
  int64_t ranks_per_node = 1;  // of a full host; the last one may run fewer
  Device device = Device::cpu;
  CommunicatorKind communicator = CommunicatorKind::automatic;
  int64_t threads = 1;       // CPU threads a rank
  int64_t steps = 0;         // the run is done after this many
  int64_t global_batch = 1;  // sequences of a step
  int64_t accumulate = 1;    // micro batches of a step on each data rank
  ModelShape model;
  Config config;  // everything else, as resolved

  int64_t ranks() const { return layout.ranks(); }
  int64_t tokens_per_step() const { return global_batch * config.train.seq_len; }
};

/// plan_from_json(to_json(plan)) is plan again. Reading throws Error(Exit::config): a version this program does not know, ranks that are
/// not the product of the axes, a key that is missing or of another type.
json to_json(const Plan& plan);
Plan plan_from_json(const json& document);
Plan read_plan(const std::filesystem::path& path);

}  // namespace llmrun
