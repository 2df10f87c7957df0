#include <cmath>
#include <cstdlib>

#include "engine/core/error.h"
#include "engine/core/json.h"
#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

// Run by two_hosts.sh, on node-a.
namespace {

std::string on_both(const std::string& words) {
  const char* agent = std::getenv("OMPI_MCA_plm_rsh_agent");
  if (agent == nullptr) throw Error(Exit::failed, "there is no node-b: tests/e2e/two_hosts.sh starts this test");
  return fmt::format("printf 'node-a\\nnode-b\\n' > hosts; export OMPI_MCA_plm_rsh_agent={}; llmrun {} --hostfile hosts --json", agent,
                     words);
}

}  // namespace

TEST_CASE("doctor examines both hosts of a hostfile, their clocks and the link between them") {
  const CommandLine shell;
  const json document = json::parse(shell(on_both("doctor")).out);
  const json& report = document.at("report");
  REQUIRE(report.at("ranks").size() == 2);
  CHECK(report.at("ranks")[0].at("host") == "node-a");
  CHECK(report.at("ranks")[1].at("host") == "node-b");
  for (const json& rank : report.at("ranks")) CHECK(rank.at("run_directory").at("bytes_per_s") > 0);
  REQUIRE(report.at("clocks").size() == 1);
  CHECK(report.at("clocks")[0].at("host") == "node-b");
  CHECK(std::abs(report.at("clocks")[0].at("offset_s").get<double>()) < 0.1);  // one clock behind both
  REQUIRE(report.at("links").size() == 1);
  CHECK(report.at("links")[0].at("hosts") == json{"node-a", "node-b"});
  CHECK(report.at("links")[0].at("bytes_per_s") > 0);
  for (const json& timing : report.at("all_reduce")) CHECK(timing.at("wrong") == 0);
}

TEST_CASE("bench comm runs between two hosts, over MPI and over sockets") {
  for (const char* communicator : {"mpi", "tcp"}) {
    const CommandLine shell;
    const Outcome done = shell(on_both(fmt::format("bench comm --sizes 64KiB --set parallel.communicator={}", communicator)));
    CHECK_MESSAGE(done.exit == 0, done.err);
    const json document = json::parse(done.out);
    CHECK(document.at("ranks") == 2);
    CHECK(document.at("communicator") == communicator);
    for (const json& timing : document.at("timings")) CHECK(timing.at("wrong") == 0);
  }
}
