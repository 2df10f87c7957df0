#pragma once
#include <c10/core/Device.h>

#include <cstdint>

namespace llmrun {

/// The most memory this process has held on `device`, bytes. On a GPU: by tensors, as its caching allocator counts (torch's
/// max_memory_allocated). On a CPU: resident (getrusage). Ranks that are threads of one process share it.
int64_t memory_peak(at::Device device);

}  // namespace llmrun
