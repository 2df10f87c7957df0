#pragma once
#include <c10/core/Device.h>

#include <string>

#include "engine/comm/module.h"

namespace llmrun {

// LibTorch's CUDA half and our NCCL backend come with the module llmrun_cuda, so that a program which holds neither runs without a GPU.
// Load it before anything else asks LibTorch about CUDA: it looks for its CUDA half once, and remembers that there was none.

/// Opens the module. Throws Error(Exit::preflight) where it, or a library it needs, is not there.
Module cuda_module();

/// How many GPUs this process sees, after opening the module; 0 with a reason where it cannot tell.
struct VisibleGpus {
  int count = 0;
  std::string why_none;
};
VisibleGpus visible_gpus();

/// There is a driver at all. Costs nothing where there is none, which visible_gpus() does.
bool has_gpu_driver();

/// Returns when the device has done all that it was asked for. On a CPU that is always so.
void synchronise(c10::Device device);

/// "NVIDIA H100 80GB HBM3". REQUIRES gpu < visible_gpus().count.
std::string gpu_name(int gpu);

}  // namespace llmrun
