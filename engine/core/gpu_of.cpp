#include "engine/core/gpu_of.h"

namespace llmrun {

int gpu_of(int local_rank, int gpus, std::string_view affinity) {
  const int place = local_rank % gpus;
  return affinity == "reversed" ? gpus - 1 - place : place;
}

}  // namespace llmrun
