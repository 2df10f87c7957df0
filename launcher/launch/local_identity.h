#pragma once
#include <string>
#include <utility>
#include <vector>

#include "launcher/process/variables.h"

namespace llmrun {

/// What every rank of the local launcher is told, in the names that any rendezvous knows.
inline std::vector<std::pair<std::string, std::string>> local_world(int64_t ranks) {
  return {{"WORLD_SIZE", std::to_string(ranks)}, {"LOCAL_WORLD_SIZE", std::to_string(ranks)}};
}

/// ... and what tells them apart.
inline void set_local_identity(Variables& environment, int64_t rank, int64_t ranks) {
  for (auto& [name, value] : local_world(ranks)) environment.set(name, value);
  environment.set("RANK", std::to_string(rank));
  environment.set("LOCAL_RANK", std::to_string(rank));
}

}  // namespace llmrun
