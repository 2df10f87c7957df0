#include "engine/comm/nccl.h"

#include "engine/comm/gpu.h"

namespace llmrun {

std::shared_ptr<Communicator> make_nccl_world(Rendezvous& rendezvous) {
  const auto make = reinterpret_cast<Communicator* (*)(Rendezvous*)>(cuda_module().function("llmrun_make_nccl_world"));
  return std::shared_ptr<Communicator>(make(&rendezvous));
}

}  // namespace llmrun
