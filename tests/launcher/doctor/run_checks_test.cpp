#include "launcher/doctor/run_checks.h"

#include <unistd.h>

#include <csignal>

#include "engine/core/error.h"
#include "tests/launcher/doctor/world.h"

using namespace llmrun;
using std::chrono::milliseconds;

namespace {

Check check(std::function<Result()> look) { return {"name", "asks", std::move(look)}; }

Result result_of(std::function<Result()> look, milliseconds deadline = std::chrono::minutes(1)) {
  return run_checks({check(std::move(look))}, deadline).at(0).result;
}

void wait_for(const std::string& file) {
  while (!std::filesystem::exists(file)) ::usleep(1000);
}

}  // namespace

TEST_CASE("findings come in the order of the checks, with what each has seen") {
  const auto findings = run_checks({{"a", "is it so", [] { return Result{Verdict::warn, "seen \xff", "type this"}; }},
                                    {"b", "and this", [] { return Result{Verdict::not_applicable, std::string(100'000, 'x'), ""}; }}},
                                   std::chrono::minutes(1));
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].name == "a");
  CHECK(findings[0].asks == "is it so");
  CHECK(findings[0].result.verdict == Verdict::warn);
  CHECK(findings[0].result.seen == "seen \xef\xbf\xbd");  // what is no UTF-8 is replaced
  CHECK(findings[0].result.remedy == "type this");
  CHECK(findings[1].result.verdict == Verdict::not_applicable);
  CHECK(findings[1].result.seen.size() == 100'000);
  CHECK(worst(findings) == Verdict::warn);
}

TEST_CASE("checks run at once: each of two waits for the other") {
  const TemporaryDirectory directory;
  const auto meet = [&](const std::string& mine, const std::string& other) {
    return [=, &directory] {
      std::ofstream(directory / mine) << "here";
      wait_for(directory / other);
      return Result{Verdict::ok, "met", ""};
    };
  };
  const auto findings = run_checks({check(meet("a", "b")), check(meet("b", "a"))}, std::chrono::minutes(1));
  CHECK(findings[0].result.seen == "met");
  CHECK(findings[1].result.seen == "met");
}

TEST_CASE("a check that hangs is a failure, and the others' findings stand") {
  const auto hang = [] {
    for (;;) ::pause();
    return Result{};
  };
  const auto findings = run_checks({check(hang), check([] { return Result{Verdict::ok, "fine", ""}; })}, milliseconds(300));
  CHECK(findings[0].result.verdict == Verdict::fail);
  CHECK(findings[0].result.seen == "no answer within 0.3 s");
  CHECK(findings[1].result.seen == "fine");
  CHECK(worst(findings) == Verdict::fail);
}

TEST_CASE("what a check throws is its finding, and one that dies is one") {
  const Result thrown = result_of([]() -> Result { throw Error(Exit::unreachable, "no '{}'", "server").hint("ping it"); });
  CHECK(thrown.verdict == Verdict::fail);
  CHECK(thrown.seen == "no 'server'");
  CHECK(thrown.remedy == "ping it");
  CHECK(result_of([]() -> Result { throw std::runtime_error("odd"); }).seen == "odd");
  const Result died = result_of([]() -> Result {
    ::raise(SIGKILL);
    return {};
  });
  CHECK(died.verdict == Verdict::fail);
  CHECK(died.seen == "the check itself died");
}

TEST_CASE("a qstat that never answers ends with its check, within the patience") {
  World world;
  world.config().machine.scheduler = "pbs";
  world.command("qstat", "exec sleep 3600");
  world.here.patience = milliseconds(200);
  for (const Finding& finding : run_checks(scheduler_checks(world.here), std::chrono::minutes(1))) {
    if (finding.name == "account") continue;
    CHECK(finding.result.verdict == Verdict::fail);
    CHECK(has(finding.result.seen, "did not answer within 0.2 s"));
  }
}
