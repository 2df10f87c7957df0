#include "tests/support/tensor_test.h"
// torch first

#include <chrono>
#include <cstdlib>
#include <thread>

#include "engine/core/run_paths.h"
#include "tests/e2e/golden_run.h"

using namespace llmrun;

// Run by two_hosts.sh, on node-a.
namespace {

const std::string kHosts = "node-a slots=2\nnode-b slots=2\n";

/// `llmrun train` on both hosts.
std::string train(const std::string& more) {
  const char* agent = std::getenv("OMPI_MCA_plm_rsh_agent");
  if (agent == nullptr) throw Error(Exit::failed, "there is no node-b: tests/e2e/two_hosts.sh starts this test");
  return fmt::format("OMPI_MCA_plm_rsh_agent={} llmrun train golden.yaml --hostfile hosts {}", agent, more);
}

void cut_the_cable() { CHECK(std::system("ip link set cable-a down") == 0); }
/// Returns when node-b reaches node-a again: a port that nobody listens on refuses.
void mend_the_cable() {
  CHECK(std::system(R"(ip link set cable-a up
    for i in $(seq 100); do
      $OMPI_MCA_plm_rsh_agent node-b "timeout 1 bash -c '</dev/tcp/10.77.0.1/9' 2>&1" | grep -q refused && exit 0
      sleep 0.1
    done
    exit 1)") == 0);
}

}  // namespace

TEST_CASE("two hosts train the golden model to its numbers") {
  for (const char* name : {"gpt2-tiny", "llama-tiny"})
    for (const char* layout :
         {"--set parallel.communicator=tcp --set parallel.tensor=2", "--set parallel.tensor=2 --set parallel.pipeline=2"}) {
      const Golden golden = read_golden(name);
      const CommandLine shell;
      write_golden_yaml(shell, golden);
      shell.write("hosts", kHosts);
      const Outcome done = shell(train(layout));
      CHECK_MESSAGE(done.exit == 0, done.err);
      const Plan plan = read_plan(shell.path("run/plan.json"));
      CHECK((plan.hosts == std::vector<PlanHost>{{"node-a", 2}, {"node-b", 2}}));
      const Agreement agreement = compare(golden, plan);
      CHECK_MESSAGE(agreement.holds(), name, " ", layout, ": ", agreement.text());
    }
}

TEST_CASE("X1: a host whose link goes down is named, the run ends within 30 s, and the same command goes on") {
  for (const char* communicator : {"tcp", "mpi"}) {
    const CommandLine shell;
    write_golden_yaml(shell, read_golden("gpt2-tiny"), "checkpoint: {every_steps: 10}\n");
    shell.write("hosts", kHosts);
    const std::string words = train(fmt::format("--set parallel.communicator={} --set data.train=synthetic", communicator));
    auto at = std::chrono::steady_clock::now();
    std::thread saboteur([&] {
      while (!std::filesystem::exists(shell.path("run/checkpoints/latest"))) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      cut_the_cable();
      at = std::chrono::steady_clock::now();
    });
    const Outcome cut = shell(words + " --set run.steps=1000000");
    saboteur.join();
    CHECK(std::chrono::steady_clock::now() - at < std::chrono::seconds(30));
    CHECK(cut.exit == 1);
    CHECK_MESSAGE(cut.err.find("node-b") != std::string::npos, cut.err);
    CHECK_MESSAGE(cut.err.find("goes on from the last checkpoint") != std::string::npos, cut.err);
    mend_the_cable();
    const int64_t reached = read_metrics(shell.path("run")).back().at("step");
    const Outcome again = shell(words + fmt::format(" --set run.steps={}", reached + 10));
    CHECK_MESSAGE(again.exit == 0, again.err);
    CHECK_MESSAGE(again.err.find("goes on from") != std::string::npos, again.err);
  }
}
