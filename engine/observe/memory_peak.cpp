#include "engine/observe/memory_peak.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <sys/resource.h>

namespace llmrun {
namespace {

int64_t host_memory_peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;  // Linux counts KiB
}

}  // namespace

int64_t memory_peak(at::Device device) {
  if (device.is_cpu()) return host_memory_peak();
  const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
}

}  // namespace llmrun
