#include <cstdlib>

#include "engine/core/error.h"
#include "engine/core/json.h"
#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

// Run by slurm/with_cluster.sh, beside a Slurm of four nodes.
namespace {

std::string beside_slurm(const std::string& words) {
  const char* cluster = std::getenv("SLURM_CONF");
  if (cluster == nullptr) throw Error(Exit::failed, "there is no Slurm: tests/e2e/slurm/with_cluster.sh starts this test");
  return fmt::format("export SLURM_CONF='{}'; {}", cluster, words);
}

json check_of(const json& document, const std::string& name) {
  for (const json& check : document.at("checks"))
    if (check.at("name") == name) return check;
  FAIL("no check '", name, "'");
  return {};
}

}  // namespace

TEST_CASE("doctor on the login node of a real Slurm: it answers, and the partition is there or not") {
  const CommandLine shell;
  const json document = json::parse(shell(beside_slurm("llmrun doctor --set machine=slurm --set job.queue=debug --json")).out);
  CHECK(check_of(document, "scheduler").at("result") == "ok");
  CHECK(check_of(document, "queue").at("seen") == "'debug' is there and open");
  CHECK(check_of(document, "account").at("result") == "ok");
  CHECK(document.at("report").is_null());
  const json unknown = json::parse(shell(beside_slurm("llmrun doctor --set machine=slurm --set job.queue=nowhere --json")).out);
  CHECK(check_of(unknown, "queue").at("result") == "fail");
}

TEST_CASE("doctor in a Slurm allocation starts a rank on each node") {
  const CommandLine shell;
  const Outcome done = shell(beside_slurm("salloc --quiet -N2 llmrun doctor --set machine=slurm --set machine.node.gpus=0 --json"));
  const json document = json::parse(done.out, nullptr, /*allow_exceptions=*/false);
  REQUIRE_MESSAGE(document.is_object(), done.err);
  CHECK_MESSAGE(check_of(document, "ranks").at("result") == "ok", check_of(document, "ranks").dump());
  REQUIRE(document.at("report").at("ranks").size() == 2);
  CHECK(document.at("report").at("ranks")[0].at("host") != document.at("report").at("ranks")[1].at("host"));
  CHECK(document.at("report").at("links").size() == 1);
}
