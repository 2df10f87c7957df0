#include "launcher/topo/hwloc.h"

#include <dlfcn.h>
#include <hwloc.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace llmrun {
namespace {

constexpr uint16_t kNvidia = 0x10de;
constexpr uint16_t kVgaController = 0x0300, k3dController = 0x0302;

/// The functions we use, found by name; false where one is missing.
struct Hwloc {
  decltype(&::hwloc_topology_init) init = nullptr;
  decltype(&::hwloc_topology_set_io_types_filter) set_io_types_filter = nullptr;
  decltype(&::hwloc_topology_load) load = nullptr;
  decltype(&::hwloc_topology_destroy) destroy = nullptr;
  decltype(&::hwloc_get_type_depth) type_depth = nullptr;
  decltype(&::hwloc_get_nbobjs_by_depth) objects_at = nullptr;
  decltype(&::hwloc_get_obj_by_depth) object = nullptr;

  bool find(void* library) {
    const auto one = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
      return function != nullptr;
    };
    return one(init, "hwloc_topology_init") && one(set_io_types_filter, "hwloc_topology_set_io_types_filter") &&
           one(load, "hwloc_topology_load") && one(destroy, "hwloc_topology_destroy") && one(type_depth, "hwloc_get_type_depth") &&
           one(objects_at, "hwloc_get_nbobjs_by_depth") && one(object, "hwloc_get_obj_by_depth");
  }
};

int64_t count_nvidia(const Hwloc& hwloc, hwloc_topology_t topology) {
  int64_t count = 0;
  const unsigned devices = hwloc.objects_at(topology, HWLOC_TYPE_DEPTH_PCI_DEVICE);
  for (unsigned i = 0; i < devices; ++i) {
    const auto& pci = hwloc.object(topology, HWLOC_TYPE_DEPTH_PCI_DEVICE, i)->attr->pcidev;
    count += pci.vendor_id == kNvidia && (pci.class_id == kVgaController || pci.class_id == k3dController) ? 1 : 0;
  }
  return count;
}

}  // namespace

std::optional<HwlocFacts> look_with_hwloc(bool bus) {
  void* library = ::dlopen("libhwloc.so.15", RTLD_NOW | RTLD_LOCAL);
  Hwloc hwloc;
  hwloc_topology_t topology = nullptr;
  if (library == nullptr || !hwloc.find(library) || hwloc.init(&topology) != 0) return {};
  const std::unique_ptr<hwloc_topology, decltype(hwloc.destroy)> owner(topology, hwloc.destroy);
  HwlocFacts facts;
  facts.foreign = std::getenv("HWLOC_XMLFILE") != nullptr;
  bus |= facts.foreign;
  if (bus) hwloc.set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  if (hwloc.load(topology) != 0) return {};
  const int depth = hwloc.type_depth(topology, HWLOC_OBJ_CORE);
  facts.cores = depth < 0 ? 0 : hwloc.objects_at(topology, depth);
  if (!facts.foreign) facts.cores = std::min(facts.cores, usable_cpus());
  if (bus) facts.nvidia_devices = count_nvidia(hwloc, topology);
  return facts;
}

int64_t usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

}  // namespace llmrun
