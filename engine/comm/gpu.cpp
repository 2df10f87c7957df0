#include "engine/comm/gpu.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include "engine/core/error.h"

namespace llmrun {

Module cuda_module() {
  const Module module = open_module("llmrun_cuda");
  if (!module.handle) {
    throw Error(Exit::preflight, "ranks on GPUs cannot be had: {}", module.missing)
        .hint("build where a CUDA toolkit is: ./bootstrap build; or use the CPUs: --set machine.node.gpus=0");
  }
  return module;
}

VisibleGpus visible_gpus() {
  if (const Module module = open_module("llmrun_cuda"); !module.handle) return {0, module.missing};
  const int count = c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).deviceCount();
  if (count > 0) return {count, {}};
  return {0, has_gpu_driver() ? "the driver shows no GPU" : "there is no NVIDIA driver (libcuda.so.1)"};
}

void synchronise(c10::Device device) {
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

bool has_gpu_driver() {
  void* driver = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (!driver) return false;
  ::dlclose(driver);
  return true;
}

std::string gpu_name(int gpu) {
  std::string name;
  reinterpret_cast<void (*)(int, std::string*)>(cuda_module().function("llmrun_gpu_name"))(gpu, &name);
  return name;
}

}  // namespace llmrun
