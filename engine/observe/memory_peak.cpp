#include "engine/observe/memory_peak.h"

#include <sys/resource.h>

namespace llmrun {

int64_t host_memory_peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;  // Linux counts KiB
}

}  // namespace llmrun
