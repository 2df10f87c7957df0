#include "engine/core/json.h"
#include "launcher/process/ask.h"
#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("the PBS server of the tests answers what OpenPBS 23.06 answered, call by call") {
  const std::string source = LLMRUN_SOURCE_DIR;
  const json calls = read_json_file(source + "/tests/data/pbs/calls.json");
  REQUIRE(calls.at("scenarios").size() >= 18);
  for (const auto& [scenario, unused] : calls.at("scenarios").items()) {
    Command replay;
    replay.argv = {source + "/tests/fakes/pbs/replay.py", scenario};
    replay.environment.set("PATH", "/usr/local/bin:/usr/bin:/bin");
    const Answer answer = ask(std::move(replay), std::chrono::minutes(3));
    CAPTURE(scenario);
    CHECK_MESSAGE(answer.status.clean(), answer.err);
    CHECK(answer.out == "");
  }
}
