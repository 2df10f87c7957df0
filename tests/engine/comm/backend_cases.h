#pragma once
#include <numeric>
#include <vector>

#include "engine/comm/communicator.h"

namespace llmrun {

/// All ranks of a group, in their order.
inline std::vector<int> everyone(const Communicator& group) {
  std::vector<int> ranks(static_cast<size_t>(group.size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

/// What every backend must do, whatever it is made of. A case is run by all ranks of a world of two or more.
struct BackendCase {
  const char* name;
  void (*run)(Communicator& world);
};

/// Cases that leave the world usable: they run one after the other on one world.
const std::vector<BackendCase>& backend_cases();

/// Cases that end with a broken world: each wants a fresh one, whose ranks notice each other's end (thread, tcp).
const std::vector<BackendCase>& breaking_cases();

}  // namespace llmrun
