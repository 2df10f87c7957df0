#pragma once
#include <c10/core/Device.h>

#include <string>

#include "engine/core/plan.h"

namespace llmrun {

/// How a rank wants to compute.
struct DeviceNeeds {
  Device device = Device::cpu;
  Precision precision = Precision::fp32;
  AttentionKind attention = AttentionKind::automatic;
  bool deterministic = false;
  std::string affinity;
};
DeviceNeeds device_needs(const Plan& plan);

/// What no kernel can do: Error(Exit::config). `llmrun` refuses the same before a launch; a plan may come from elsewhere.
void check_kernels(const DeviceNeeds& needs);

/// Readies the process and the calling thread to compute as needed, and says where. On a GPU: opens the CUDA module, makes this rank's GPU
/// current in this thread and forbids TF32. Every thread that runs a rank calls it, before its first tensor; calling it again is harmless.
/// Throws as check_kernels does, and Error(Exit::preflight) where there is no GPU.
at::Device prepare_device(const DeviceNeeds& needs, int local_rank);

}  // namespace llmrun
