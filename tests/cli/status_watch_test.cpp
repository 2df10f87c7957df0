#include "tests/cli/login_node.h"
#include "tests/support/terminal.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// For a shell of its own: llmrun beside the fake server.
std::string beside(const Polaris& shell, const std::string& words) {
  return shell.script("export FAKE_PBS=\"$PWD/pbs\" PATH='" LLMRUN_SOURCE_DIR "/tests/fakes/pbs':$PATH; exec " + words);
}

}  // namespace

TEST_CASE("status --watch writes over itself on a terminal until all jobs have ended") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  Terminal terminal(beside(shell, "llmrun status --watch"));
  REQUIRE(terminal.wait_for("waiting  debug"));
  shell("fake-pbs start 1");
  shell.let_answers_age();
  REQUIRE_MESSAGE(terminal.wait_for("running  debug"), terminal.last_words());
  CHECK(terminal.screen().find("A\r\x1b[J") != std::string::npos);  // over the lines before
  shell("fake-pbs finish 1 42");
  shell.let_answers_age();
  CHECK(terminal.wait() == 0);
  CHECK(terminal.last_words().find("king  exit 42: failed") != std::string::npos);
}

TEST_CASE("status --watch leaves with Ctrl-C, exit 130, and the job goes on") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  Terminal terminal(beside(shell, "llmrun status --watch"));
  REQUIRE(terminal.wait_for("waiting  debug"));
  terminal.type("\x03");
  CHECK(terminal.wait() == 130);
  shell.let_answers_age();
  CHECK(shell("llmrun status").out.find("waiting  debug") != std::string::npos);
}

TEST_CASE("status --watch into a file is one block for each change, whatever times run; --json an object a line") {
  for (const bool as_json : {false, true}) {
    CAPTURE(as_json);
    const Polaris shell;
    REQUIRE(shell.submit("king").exit == 0);
    Terminal terminal(beside(shell, std::string("llmrun status king --watch ") + (as_json ? "--json " : "") + "> told"));
    const auto until = [&](const std::string& text) {
      return shell("timeout 60 sh -c 'until grep -q " + text + " told; do sleep 0.1; done'").exit;
    };
    REQUIRE(until("waiting") == 0);
    shell("fake-pbs start 1");
    shell.let_answers_age();
    REQUIRE(until("running") == 0);
    const std::string asked = std::to_string(shell.questions());
    shell.let_answers_age();  // asked again, and nothing is new but the time
    REQUIRE(shell("timeout 60 sh -c 'until [ $(grep -c qstat pbs/calls.jsonl) -gt " + asked + " ]; do sleep 0.1; done'").exit == 0);
    shell("fake-pbs finish 1 0");
    shell.let_answers_age();
    CHECK(terminal.wait() == 0);
    std::istringstream told(shell.read("told"));
    std::vector<std::string> states;
    for (std::string line; std::getline(told, line);)
      if (as_json)
        states.push_back(json::parse(line).at("jobs").at(0).at("state"));
      else if (!line.empty() && !line.starts_with("STATE"))
        states.push_back(line.substr(0, line.find(' ')));
    CHECK(states == std::vector<std::string>{"waiting", "running", "done"});
  }
}
