#include "engine/comm/nccl.h"

#include "engine/comm/module.h"
#include "engine/core/error.h"

namespace llmrun {

namespace {

Module cuda_module() {
  const Module module = open_module("llmrun_cuda");
  if (!module.handle) {
    throw Error(Exit::preflight, "ranks on GPUs cannot be had: {}", module.missing)
        .hint("build where a CUDA toolkit is: ./bootstrap build; or use the CPUs: --set parallel.communicator=tcp");
  }
  return module;
}

}  // namespace

void use_local_gpu(const Identity& identity) {
  reinterpret_cast<void (*)(const Identity*)>(cuda_module().function("llmrun_use_local_gpu"))(&identity);
}

std::shared_ptr<Communicator> make_nccl_world(Rendezvous& rendezvous) {
  const auto make = reinterpret_cast<Communicator* (*)(Rendezvous*)>(cuda_module().function("llmrun_make_nccl_world"));
  return std::shared_ptr<Communicator>(make(&rendezvous));
}

}  // namespace llmrun
