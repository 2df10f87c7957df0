#pragma once
#include <cstdint>
#include <optional>

namespace llmrun {

struct HwlocFacts {
  int64_t cores = 0;
  bool foreign = false;        // HWLOC_XMLFILE described another machine
  int64_t nvidia_devices = 0;  // of a foreign machine: PCI vendor 10de, display and 3D controllers
};

/// hwloc is loaded here and only here (dlopen), so that commands which do not look at hardware stay small. Empty: no hwloc.
std::optional<HwlocFacts> look_with_hwloc();

/// Hardware threads that this process may run on.
int64_t usable_cpus();

}  // namespace llmrun
