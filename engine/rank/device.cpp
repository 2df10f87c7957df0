#include "engine/rank/device.h"

#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdlib>
#include <mutex>

#include "engine/comm/gpu.h"
#include "engine/core/error.h"
#include "engine/core/gpu_of.h"

namespace llmrun {
namespace {

/// The same for every rank that is a thread of this process.
void set_arithmetic(const DeviceNeeds& needs) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  at::Context& context = at::globalContext();
  context.setAllowTF32CuBLAS(false);
  context.setAllowTF32CuDNN(false);
  context.setDeterministicAlgorithms(needs.deterministic, /*warn_only=*/false);
  context.setDeterministicFillUninitializedMemory(false);  // would write every fresh tensor twice; nothing here reads what it did not write
  // cuBLAS sums in a fixed order only with workspaces of fixed size, and reads this when it starts.
  if (needs.deterministic && needs.device == Device::cuda) ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
}

at::Device take_gpu(int local_rank, std::string_view affinity) {
  const VisibleGpus gpus = visible_gpus();
  if (gpus.count == 0)
    throw Error(Exit::preflight, "rank {} of this node sees no GPU: {}", local_rank, gpus.why_none)
        .hint("look with nvidia-smi; on CPUs: --set machine.node.gpus=0, of a bench --device cpu");
  const at::Device gpu(at::kCUDA, static_cast<at::DeviceIndex>(gpu_of(local_rank, gpus.count, affinity)));
  c10::impl::VirtualGuardImpl(at::kCUDA).setDevice(gpu);
  at::globalContext().lazyInitDevice(at::kCUDA);
  return gpu;
}

}  // namespace

DeviceNeeds device_needs(const Plan& plan) {
  const TrainConfig& train = plan.config.train;
  return {plan.device, train.precision, train.attention, train.deterministic, plan.config.machine.node.affinity};
}

void check_kernels(const DeviceNeeds& needs) {
  if (needs.device != Device::cuda) return;
  const bool cudnn = needs.attention == AttentionKind::cudnn, named = cudnn || needs.attention == AttentionKind::flash;
  if (named && needs.precision == Precision::fp32)
    throw Error(Exit::config, "train.attention {} has no fp32 kernel on a GPU", cudnn ? "cudnn" : "flash")
        .hint("--set train.attention=auto (it takes the memory-efficient kernel), or --set train.precision=bf16");
  if (cudnn && needs.deterministic)
    throw Error(Exit::config, "train.attention cudnn is not deterministic, and train.deterministic is true")
        .hint("--set train.attention=flash");
}

at::Device prepare_device(const DeviceNeeds& needs, int local_rank) {
  check_kernels(needs);
  const at::Device device = needs.device == Device::cuda ? take_gpu(local_rank, needs.affinity) : at::Device(at::kCPU);
  set_arithmetic(needs);  // after the CUDA module: its first look at LibTorch's context must find it
  return device;
}

}  // namespace llmrun
