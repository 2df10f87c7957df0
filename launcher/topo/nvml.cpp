#include "launcher/topo/nvml.h"

#include <dlfcn.h>

#include <algorithm>

namespace llmrun {
namespace {

// The part of nvml.h that we call: the header is not in Debian, the interface is frozen by its _v2 names.
using Device = struct nvmlDevice*;
struct Memory {
  unsigned long long total, free, used;
};
constexpr int kSuccess = 0;

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

/// How many of `count` devices CUDA_VISIBLE_DEVICES lets through: it stops at the first name that is no device.
int64_t visible(int64_t count, const Variables& environment) {
  const auto list = environment.get("CUDA_VISIBLE_DEVICES");
  if (!list) return count;
  if (list->empty() || list->starts_with('-')) return 0;
  return std::min(count, static_cast<int64_t>(std::count(list->begin(), list->end(), ',')) + 1);
}

}  // namespace

std::optional<NvmlFacts> look_with_nvml(const Variables& environment) {
  void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {};
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*get_count)(unsigned*) = nullptr;
  int (*get_device)(unsigned, Device*) = nullptr;
  int (*get_memory)(Device, Memory*) = nullptr;
  if (!find(library, "nvmlInit_v2", init) || !find(library, "nvmlShutdown", shutdown) ||
      !find(library, "nvmlDeviceGetCount_v2", get_count) || !find(library, "nvmlDeviceGetHandleByIndex_v2", get_device) ||
      !find(library, "nvmlDeviceGetMemoryInfo", get_memory) || init() != kSuccess)
    return {};
  unsigned count = 0;
  std::optional<NvmlFacts> facts;
  if (get_count(&count) == kSuccess) facts = NvmlFacts{visible(count, environment), {}};
  for (unsigned i = 0; i < count; ++i) {
    Device device = nullptr;
    Memory memory{};
    if (get_device(i, &device) != kSuccess || get_memory(device, &memory) != kSuccess) continue;
    const auto total = static_cast<int64_t>(memory.total);
    facts->memory_bytes = std::min(facts->memory_bytes.value_or(total), total);
  }
  shutdown();
  return facts;
}

}  // namespace llmrun
