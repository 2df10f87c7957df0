#pragma once
#include <vector>

#include "engine/comm/communicator.h"

namespace llmrun {

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
