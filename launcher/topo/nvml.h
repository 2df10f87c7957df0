#pragma once
#include <cstdint>
#include <optional>

#include "launcher/process/variables.h"

namespace llmrun {

struct NvmlFacts {
  int64_t count = 0;                    // those that CUDA_VISIBLE_DEVICES leaves
  std::optional<int64_t> memory_bytes;  // of the smallest one
};

/// Asks the driver (libnvidia-ml, loaded here and only here). Empty: no driver, which is no data and not "zero GPUs".
std::optional<NvmlFacts> look_with_nvml(const Variables& environment);

}  // namespace llmrun
