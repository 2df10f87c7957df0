#pragma once
#include <cstdint>
#include <optional>

namespace llmrun {

struct HwlocFacts {
  int64_t cores = 0;
  bool foreign = false;                   // HWLOC_XMLFILE described another machine
  std::optional<int64_t> nvidia_devices;  // PCI vendor 10de, display and 3D controllers; empty: the bus was not looked at
};

/// hwloc is loaded here and only here (dlopen), so that commands which do not look at hardware stay small. `bus`: look at the PCI bus too,
/// which takes 20 ms; that of a foreign machine is looked at anyway. Empty: no hwloc.
std::optional<HwlocFacts> look_with_hwloc(bool bus);

/// Hardware threads that this process may run on.
int64_t usable_cpus();

}  // namespace llmrun
