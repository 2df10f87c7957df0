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
  const auto facts = look_with_hwloc();
  REQUIRE(facts);
  CHECK(facts->cores == 8);
  CHECK(facts->nvidia_devices == 4);  // and not the network card
  const NodeShape shape = node_shape({}, Variables());
  CHECK(shape.cores == 8);
  CHECK(shape.gpus == 4);
  CHECK(shape.gpus_from == "PCI scan");
  CHECK(!shape.gpu_memory_bytes);  // nobody could say
}

TEST_CASE("the profile's shape wins, and what it leaves open is looked up") {
  const OtherMachine machine("eight-cores-four-gpus.xml");
  NodeConfig profile;
  profile.gpus = 6;
  profile.gpu_memory_bytes = 40;
  NodeShape shape = node_shape(profile, Variables());
  CHECK(shape.gpus == 6);
  CHECK(shape.gpu_memory_bytes == 40);
  CHECK(shape.cores == 8);
  profile.cores = 52;
  shape = node_shape(profile, Variables());
  CHECK(shape.cores == 52);
  CHECK(shape.gpus_from == "machine profile");
}

TEST_CASE("this machine has at least the core that runs this test") {
  CHECK(usable_cpus() >= 1);
  CHECK(node_shape({}, Variables()).cores >= 1);
  CHECK(node_shape({}, Variables()).cores <= usable_cpus());
}

}  // namespace llmrun
