#include "engine/comm/nccl.h"

#include "engine/comm/module.h"
#include "engine/core/error.h"

namespace llmrun {

std::shared_ptr<Communicator> make_nccl_world(Rendezvous& rendezvous) {
  const Module module = open_module("llmrun_cuda");
  if (!module.handle) throw Error(Exit::preflight, "communicator 'nccl' cannot be had: {}", module.missing);
  const auto make = reinterpret_cast<Communicator* (*)(Rendezvous*)>(module.function("llmrun_make_nccl_world"));
  return std::shared_ptr<Communicator>(make(&rendezvous));
}

}  // namespace llmrun
