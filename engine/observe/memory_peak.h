#pragma once
#include <cstdint>

namespace llmrun {

/// The most memory this process has had resident on the host, bytes (getrusage). Ranks that are threads of one process share it.
int64_t host_memory_peak();

}  // namespace llmrun
