#pragma once
#include <cstdint>
#include <optional>

namespace llmrun {

struct HwlocFacts {
  int64_t cores = 0;
  int64_t nvidia_devices = 0;  // PCI vendor 10de, display and 3D controllers; seen without a driver too
  bool foreign = false;        // HWLOC_XMLFILE described another machine
};

/// hwloc is loaded here and only here (dlopen), so that commands which do not look at hardware stay small. Empty: no hwloc.
std::optional<HwlocFacts> look_with_hwloc();

/// Hardware threads that this process may run on.
int64_t usable_cpus();

}  // namespace llmrun
