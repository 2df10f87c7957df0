#include "launcher/topo/node_shape.h"

#include <cstdlib>

#include "launcher/topo/hwloc.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

/// hwloc describes the machine of this file for as long as this lives.
class OtherMachine {
 public:
  explicit OtherMachine(const char* file) {
    ::setenv("HWLOC_XMLFILE", (std::string(LLMRUN_SOURCE_DIR "/tests/data/topology/") + file).c_str(), 1);
  }
  ~OtherMachine() { ::unsetenv("HWLOC_XMLFILE"); }
};

}  // namespace

TEST_CASE("cores and GPUs are counted without a driver") {
  const OtherMachine machine("eight-cores-four-gpus.xml");
  const auto facts = look_with_hwloc(/*bus=*/false);
  REQUIRE(facts);
  CHECK(facts->cores == 8);
  CHECK(facts->nvidia_devices == 4);  // and not the network card
  const NodeShape shape = node_shape({}, Witness::profile, Variables());
  CHECK(shape.cores == 8);
  CHECK(shape.gpus == 4);
  CHECK(shape.gpus_from == "PCI scan");
  CHECK(!shape.gpu_memory_bytes);  // nobody could say
  CHECK(!shape.memory_bytes);      // this machine is another
}

TEST_CASE("the profile's shape wins, and what it leaves open is looked up") {
  const OtherMachine machine("eight-cores-four-gpus.xml");
  NodeConfig profile;
  profile.gpus = 6;
  profile.gpu_memory_bytes = 40;
  NodeShape shape = node_shape(profile, Witness::profile, Variables());
  CHECK(shape.gpus == 6);
  CHECK(shape.gpu_memory_bytes == 40);
  CHECK(shape.cores == 8);
  profile.cores = 52;
  shape = node_shape(profile, Witness::profile, Variables());
  CHECK(shape.cores == 52);
  CHECK(shape.gpus_from == "machine profile");
}

TEST_CASE("a host's memory is known where the node is this machine") {
  NodeConfig profile;
  CHECK(node_shape(profile, Witness::profile, Variables()).memory_bytes.value_or(0) > 1 << 28);
  profile.gpus = 0;
  profile.cores = 52;
  CHECK(!node_shape(profile, Witness::profile, Variables()).memory_bytes);
  CHECK(node_shape(profile, Witness::hardware, Variables()).memory_bytes);
}

TEST_CASE("where ranks start, NVML is asked before the PCI bus and the profile, and a disagreement is told in one line") {
  struct Row {
    std::optional<int64_t> profile, nvml, pci;
    int64_t gpus;
    const char* from;
    const char* note;
  };
  for (const Row& row : std::initializer_list<Row>{
           {4, 4, {}, 4, "NVML", ""},
           {4, 3, {}, 3, "NVML", "GPUs a node: the machine profile says 4, NVML says 3: going by NVML"},
           {4, 0, 4, 0, "NVML", "GPUs a node: the machine profile says 4, NVML says 0: going by NVML"},
           {0, 2, {}, 2, "NVML", "GPUs a node: the machine profile says 0, NVML says 2: going by NVML"},
           {4, {}, 3, 3, "PCI scan", "GPUs a node: the machine profile says 4, PCI scan says 3: going by PCI scan"},
           {4, {}, 0, 4, "machine profile", ""},  // no driver is no data, and so is a bus that shows no card
           {4, {}, {}, 4, "machine profile", ""},
           {{}, {}, {}, 0, "no driver answered", ""},
           {{}, 8, {}, 8, "NVML", ""},
       }) {
    NodeConfig profile;
    profile.gpus = row.profile;
    NodeShape shape;
    count_gpus(profile, Witness::hardware, row.nvml, row.pci, shape);
    CHECK(shape.gpus == row.gpus);
    CHECK(shape.gpus_from == row.from);
    CHECK(shape.notes == (*row.note ? std::vector<std::string>{row.note} : std::vector<std::string>{}));
  }
}

TEST_CASE("where a run is only planned, the profile's word on GPUs is the last one") {
  NodeConfig profile;
  profile.gpus = 4;
  NodeShape shape;
  count_gpus(profile, Witness::profile, 3, 2, shape);
  CHECK(shape.gpus == 4);
  CHECK(shape.notes.empty());
}

TEST_CASE("a node that starts ranks is looked at though its profile has numbers") {
  const OtherMachine machine("eight-cores-four-gpus.xml");
  NodeConfig profile;
  profile.gpus = 6;
  profile.cores = 8;
  const NodeShape shape = node_shape(profile, Witness::hardware, Variables());
  CHECK(shape.gpus == 4);
  CHECK(shape.notes.size() == 1);
  profile.accelerator = "xpu";  // whose driver we do not know
  CHECK(node_shape(profile, Witness::hardware, Variables()).gpus == 6);
}

TEST_CASE("this machine has at least the core that runs this test") {
  CHECK(usable_cpus() >= 1);
  CHECK(node_shape({}, Witness::profile, Variables()).cores >= 1);
  CHECK(node_shape({}, Witness::profile, Variables()).cores <= usable_cpus());
}

}  // namespace llmrun
