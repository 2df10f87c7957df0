#include <algorithm>

#include "tests/launcher/profile/shipped.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

MachineConfig machine(const std::string& name) { return read_config(shipped_sources({}, {"machine=" + name})).config.machine; }

std::string variable(const MachineConfig& machine, const std::string& name) {
  for (const auto& [key, value] : machine.environment)
    if (key == name) return value;
  return "(not set)";
}

}  // namespace

// Host names: docs.alcf.anl.gov, and how ezpz tells the machines apart.
TEST_CASE("a host name chooses its machine, and Crux and Sunspot are told apart") {
  const Catalog catalog(shipped_sources().profile_directories);
  for (const auto& [host, machine] : std::initializer_list<std::pair<const char*, const char*>>{
           {"polaris-login-02", "polaris"},
           {"x3006c0s13b1n0.hsn.cm.polaris.alcf.anl.gov", "polaris"},
           {"x3111c0s37b0n0", "polaris"},
           {"x3210c0s1b0n0", "polaris"},
           {"sirius-login-01", "sirius"},
           {"sophia-login-01", "sophia"},
           {"sophia-gpu-07", "sophia"},
           {"thetagpu05", "thetagpu"},
           {"thetagpusn1", "thetagpu"},
           {"aurora-uan-0010", "aurora"},
           {"x4117c3s2b0n0.hsn.cm.aurora.alcf.anl.gov", "aurora"},
           {"x4706c7s7b0n0.hostmgmt2706.cm.aurora.alcf.anl.gov", "aurora"},
           {"sunspot", "sunspot"},
           {"uan-0001", "sunspot"},
           {"uan0001", "sunspot"},
           {"x1921c0s3b0n0", "sunspot"},
           {"x1000c0s0b0n0", "crux"},
           {"x1000c7s7b1n1.hsn.cm.crux.alcf.anl.gov", "crux"},
           {"login07", "perlmutter"},
           {"nid001234", "perlmutter"},
       }) {
    CAPTURE(host);
    CHECK(catalog.machine_of_host(host).value_or("none") == machine);
  }
  for (const char* host : {"laptop", "slurm", "node-1", "x5000c0s0b0n0", "nid12", "localhost"}) CHECK(!catalog.machine_of_host(host));
}

TEST_CASE("a node of each machine has the GPUs, the memory, the cores and the order that its site documents") {
  struct Row {
    const char* name;
    int64_t gpus;
    std::optional<int64_t> gib;
    int64_t cores;
    const char* accelerator;
    const char* affinity;
  };
  for (const Row& row : std::initializer_list<Row>{{"polaris", 4, 40, 32, "cuda", "reversed"},
                                                   {"sirius", 4, 40, 32, "cuda", "reversed"},
                                                   {"sophia", 8, 40, 128, "cuda", "none"},
                                                   {"thetagpu", 8, 40, 128, "cuda", "none"},
                                                   {"aurora", 12, 64, 104, "xpu", "linear"},
                                                   {"sunspot", 12, 64, 104, "xpu", "linear"},
                                                   {"crux", 0, {}, 128, "", "none"},
                                                   {"perlmutter", 4, 40, 64, "cuda", "none"}}) {
    CAPTURE(row.name);
    const NodeConfig node = machine(row.name).node;
    CHECK(node.gpus == row.gpus);
    CHECK(node.gpu_memory_bytes == (row.gib ? std::optional(*row.gib << 30) : std::nullopt));
    CHECK(node.cores == row.cores);
    CHECK(node.accelerator == row.accelerator);
    CHECK(node.affinity == row.affinity);
  }
}

TEST_CASE("jobs go to the scheduler, the queue and the nodes that each site documents, by its launcher's dialect") {
  struct Row {
    const char* name;
    const char* scheduler;
    const char* launcher;
    const char* pmi;
    const char* select;
    const char* queue;
    std::vector<std::string> filesystems;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"polaris", "pbs", "pals", "cray", "system=polaris", "prod", {"home", "eagle"}},
           {"sirius", "pbs", "pals", "cray", "", "", {"home", "eagle"}},
           {"sophia", "pbs", "openmpi", "", "", "by-node", {"home", "eagle"}},
           {"thetagpu", "local", "openmpi", "", "", "", {}},
           {"aurora", "pbs", "pals", "pmix", "", "prod", {"home", "flare"}},
           {"sunspot", "pbs", "pals", "pmix", "", "", {"tegu"}},
           {"crux", "pbs", "pals", "cray", "system=crux", "workq-route", {"home", "eagle"}},
           {"perlmutter", "slurm", "srun", "", "gpu", "regular", {}},
           {"slurm", "slurm", "srun", "", "", "", {}},
           {"laptop", "local", "openmpi", "", "", "", {}},
       }) {
    CAPTURE(row.name);
    const MachineConfig config = machine(row.name);
    CHECK(config.scheduler == row.scheduler);
    CHECK(config.launcher == row.launcher);
    CHECK(config.pmi == row.pmi);
    CHECK(config.select == row.select);
    CHECK(config.default_queue == row.queue);
    CHECK(config.filesystems == row.filesystems);
  }
  CHECK(machine("perlmutter").queue_option == "qos");
  CHECK(machine("slurm").queue_option == "partition");
}

TEST_CASE("queues have the limits that the ALCF documents, and those that a routing queue leads to say so") {
  constexpr int64_t kHour = 3600;
  struct Row {
    const char* machine;
    const char* queue;
    int64_t least, most, hours;
    const char* via;
    int64_t jobs;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"polaris", "debug", 1, 2, 1, "", 0},
           {"polaris", "debug-scaling", 1, 10, 1, "", 1},
           {"polaris", "prod", 10, 496, 24, "", 0},
           {"polaris", "small", 10, 24, 3, "prod", 0},
           {"polaris", "medium", 25, 99, 6, "prod", 0},
           {"polaris", "large", 100, 496, 24, "prod", 0},
           {"polaris", "backfill-small", 10, 24, 3, "prod", 0},
           {"polaris", "backfill-medium", 25, 99, 6, "prod", 0},
           {"polaris", "backfill-large", 100, 496, 24, "prod", 0},
           {"polaris", "preemptable", 1, 10, 72, "", 0},
           {"polaris", "demand", 1, 56, 1, "", 0},
           {"polaris", "capacity", 1, 4, 168, "", 2},
           {"sophia", "by-node", 1, 8, 24, "", 0},
           {"sophia", "by-gpu", 1, 1, 24, "", 0},
           {"sophia", "single-gpu", 1, 1, 24, "", 0},
           {"sophia", "single-node", 1, 8, 24, "", 0},
           {"sophia", "bigmem", 1, 1, 12, "", 0},
           {"aurora", "debug", 1, 2, 1, "", 1},
           {"aurora", "debug-scaling", 2, 256, 1, "", 1},
           {"aurora", "prod", 256, 10624, 24, "", 0},
           {"aurora", "small", 256, 1024, 12, "prod", 0},
           {"aurora", "medium", 1025, 1999, 18, "prod", 0},
           {"aurora", "large", 2000, 10624, 24, "prod", 0},
           {"aurora", "capacity", 1, 16, 168, "", 5},
           {"aurora", "visualization", 1, 32, 8, "", 0},
           {"crux", "debug", 1, 8, 2, "", 0},
           {"crux", "workq-route", 1, 184, 24, "", 0},
           {"crux", "preemptable", 1, 10, 72, "", 0},
           {"crux", "demand", 1, 64, 1, "", 0},
       }) {
    CAPTURE(row.machine);
    CAPTURE(row.queue);
    const MachineConfig config = machine(row.machine);
    const auto queue =
        std::find_if(config.queues.begin(), config.queues.end(), [&](const QueueLimits& each) { return each.name == row.queue; });
    REQUIRE(queue != config.queues.end());
    CHECK(queue->nodes == std::array{row.least, row.most});
    CHECK(queue->walltime_s == std::array{int64_t{300}, row.hours * kHour});
    CHECK(queue->via == row.via);
    CHECK(queue->jobs_of_user == row.jobs);
  }
}

TEST_CASE("what must be exported is, and what hurt people is not") {
  const MachineConfig polaris = machine("polaris"), aurora = machine("aurora");
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{{"IBV_FORK_SAFE", "1"},
                                                                                              {"CUDA_DEVICE_MAX_CONNECTIONS", "1"},
                                                                                              {"NCCL_DEBUG", "warn"},
                                                                                              {"TMPDIR", "/tmp"},
                                                                                              {"NCCL_NET", "AWS Libfabric"},
                                                                                              {"NCCL_CROSS_NIC", "1"},
                                                                                              {"NCCL_COLLNET_ENABLE", "1"},
                                                                                              {"FI_CXI_DISABLE_HOST_REGISTER", "1"},
                                                                                              {"FI_MR_CACHE_MONITOR", "userfaultfd"},
                                                                                              {"FI_CXI_DEFAULT_CQ_SIZE", "131072"},
                                                                                              {"NCCL_NET_GDR_LEVEL", "(not set)"}})
    CHECK_MESSAGE(variable(polaris, name) == value, name);
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{{"CCL_PROCESS_LAUNCHER", "pmix"},
                                                                                              {"CCL_KVS_MODE", "mpi"},
                                                                                              {"PALS_PMI", "pmix"},
                                                                                              {"FI_MR_CACHE_MONITOR", "userfaultfd"},
                                                                                              {"ZE_FLAT_DEVICE_HIERARCHY", "FLAT"},
                                                                                              {"ZE_AFFINITY_MASK", "(not set)"}})
    CHECK_MESSAGE(variable(aurora, name) == value, name);
}

TEST_CASE("PBS's own TMPDIR, too long for a socket's path, is nobody's, and InfiniBand survives a fork") {
  for (const char* name : {"polaris", "sirius", "sophia", "aurora", "sunspot", "crux"})
    CHECK_MESSAGE(variable(machine(name), "TMPDIR") == "/tmp", name);
  for (const char* name : {"polaris", "sirius", "sophia", "thetagpu"}) CHECK_MESSAGE(variable(machine(name), "IBV_FORK_SAFE") == "1", name);
  CHECK(variable(machine("perlmutter"), "TMPDIR") == "(not set)");
}

TEST_CASE("ranks of an Aurora node keep off the two cores that belong to the system") {
  const std::string list = machine("aurora").cpu_bind;
  CHECK(list == "list:1-8:9-16:17-24:25-32:33-40:41-48:53-60:61-68:69-76:77-84:85-92:93-100");
  CHECK(machine("sunspot").cpu_bind == list);
}

TEST_CASE("every shipped machine can be read, the ones to build on too") {
  for (const std::string& name : Catalog(shipped_sources().profile_directories).names(ProfileKind::machine))
    CHECK_MESSAGE(machine(name).profile == name, name);
}
