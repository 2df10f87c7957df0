#include "tests/launcher/scheduler/fake_pbs.h"
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

TEST_CASE("a job that qdel ends has kill_delay to save, though its login shell dies at once and PBS tells its end, and is killed then") {
  const FakePbs server;
  for (const auto& [setting, value] : {std::pair{"run", ""}, {"kill_delay", "1.5"}}) std::ofstream(server.home / setting) << value;
  server.script("debug",
                "#PBS -A datascience\ncd $PBS_O_WORKDIR\ntrap 'sleep 0.7; echo > saved; while :; do sleep 0.1; done' TERM\n"
                "echo $$ > began\nwhile :; do sleep 0.1; done\n");
  Command story;
  story.argv = {"bash", "-c",
                "qsub job.sh; until [ -s began ]; do sleep 0.05; done; qdel 1; until qstat -x 1 | grep -q ' F '; do sleep 0.05; done; "
                "ls saved; until [ -e saved ]; do sleep 0.05; done; while kill -0 $(cat began) 2> /dev/null; do sleep 0.05; done"};
  story.environment = server.environment;
  story.directory = server.home.path().string();
  const Answer answer = ask(std::move(story), std::chrono::seconds(30));
  CHECK_FALSE(answer.late);
  CHECK(answer.err == "ls: cannot access 'saved': No such file or directory\n");
  CHECK(server.state().begin()->at("Exit_status") == 271);
}
