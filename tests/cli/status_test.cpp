#include <algorithm>

#include "tests/cli/login_node.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

const std::string kWaits = "Not Running: Not enough free nodes available";

json first_job(const Outcome& outcome) { return json::parse(outcome.out).at("jobs").at(0); }

}  // namespace

TEST_CASE("status shows where a job stands, how long it ran of how long, and the scheduler's reason") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  CHECK(shell("llmrun status").out ==
        "STATE    QUEUE  NODES  TIME        JOB  RUN   REASON\n"
        "waiting  debug  2      -/01:00:00  1    king  " +
            kWaits + "\n");
  shell("fake-pbs start 1");
  shell.let_answers_age();
  const json running = first_job(shell("llmrun status --json"));
  CHECK(running["state"] == "running");
  CHECK(running["nodes"] == 2);
  CHECK(running["walltime_s"] == 3600);
  CHECK(running["hosts"].size() == 2);
  CHECK(running["age_s"].get<int64_t>() < 15);
  shell("fake-pbs finish 1 42");
  shell.let_answers_age();
  const json ended = first_job(shell("llmrun status king --json"));
  CHECK(ended["state"] == "failed");
  CHECK(ended["exit_code"] == 42);
  CHECK(shell("llmrun status").out.find("king  exit 42: failed\n") != std::string::npos);
}

TEST_CASE("twelve processes at once ask the server once, and so does the next in 15 s; a new job is asked about at once") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  REQUIRE(shell("llmrun status").exit == 0);
  const int asked = shell.questions();
  const Outcome many = shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do llmrun status > row$i & done; wait; cat row*");
  CHECK(many.exit == 0);
  CHECK(std::count(many.out.begin(), many.out.end(), '\n') == 24);
  CHECK(shell.questions() == asked);
  shell.let_answers_age();
  shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do llmrun status > row$i & done; wait");
  CHECK(shell.questions() == asked + 1);
  REQUIRE(shell.submit("queen").exit == 0);
  const int before = shell.questions();
  CHECK(shell("llmrun status").out.find("queen") != std::string::npos);
  CHECK(shell.questions() == before + 1);
}

TEST_CASE("Q2: a server that does not answer, or not whole: the last known state with its age, exit 0; exit 6 where nothing is known") {
  for (const char* fault : {"down", "partial qstat", "refuse qstat 255 qstat: Communication failure."}) {
    CAPTURE(fault);
    const Polaris shell;
    REQUIRE(shell.submit("king").exit == 0);
    shell.fault(fault);
    const Outcome nothing = shell("llmrun status");
    CHECK(nothing.exit == 6);
    CHECK(nothing.out.empty());
    CHECK(nothing.err.find("hint: llmrun status again in ") != std::string::npos);
    const int asked = shell.questions();
    CHECK(shell("llmrun status; llmrun status").exit == 6);
    CHECK(shell.questions() <= asked + 1);  // the server has its rest: a second at first, in all processes

    shell.fault("");
    std::filesystem::remove(shell.path(kAnswers));
    REQUIRE(shell("llmrun status").exit == 0);
    shell.let_answers_age();
    shell.fault(fault);
    const Outcome old = shell("llmrun status");
    CHECK(old.exit == 0);
    CHECK(old.out.find("waiting  debug") != std::string::npos);
    CHECK(old.err.find("What was known ") != std::string::npos);
    CHECK(json::parse(shell("llmrun status --json").out)["trouble"].is_string());
  }
}

TEST_CASE("Q2: a server that hangs is left after ten seconds, and those who ask meanwhile get what is known at once") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  REQUIRE(shell("llmrun status").exit == 0);
  shell.let_answers_age();
  shell.fault("hang qstat");
  const int asked = shell.questions();
  const Outcome both = shell("llmrun status > first & until [ $(grep -c qstat pbs/calls.jsonl) -gt " + std::to_string(asked) +
                             " ]; do sleep 0.05; done; timeout 8 llmrun status > second; echo $?; wait; cat first second");
  CHECK(both.out.starts_with("0\n"));
  CHECK(std::count(both.out.begin(), both.out.end(), '\n') == 5);
  CHECK(shell.questions() == asked + 1);
}

TEST_CASE("Q2: bad escapes of an older server are read, a job that vanished is unknown and not failed") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  shell.fault("escapes qstat");
  const Outcome status = shell("llmrun status");
  CHECK(status.exit == 0);
  CHECK(status.out.find("waiting  debug") != std::string::npos);
  shell.fault("");
  shell("fake-pbs forget 1");
  shell.let_answers_age();
  const Outcome gone = shell("llmrun status");
  CHECK(gone.exit == 0);
  CHECK(gone.out.find("unknown") != std::string::npos);
  CHECK(gone.out.find("was waiting; its scheduler does not know it any more") != std::string::npos);
}

TEST_CASE("a job that its scheduler has forgotten ended as its run wrote down") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  const json attempt{{"number", 1},
                     {"id", "i"},
                     {"start", "2026-11-01T09:00:00Z"},
                     {"end", "2026-11-01T09:01:00Z"},
                     {"log", "all.log"},
                     {"ranks", 8},
                     {"exit", 0},
                     {"job", "1" + kServer}};
  const json record{
      {"version", 1},          {"name", "king"},       {"git", {{"sha", ""}, {"dirty", false}}}, {"versions", {{"llmrun", "0"}}},
      {"finished_steps", 100}, {"attempts", {attempt}}};
  shell.write("outputs/king/run.json", record.dump());
  shell("fake-pbs forget 1");
  CHECK(shell("llmrun status").out.find("done   -      -      00:01:00  1    king") != std::string::npos);
}

TEST_CASE("Q3: a job that has ended is cancelled with success, and one that starts meanwhile is cancelled running") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  REQUIRE(shell("llmrun status").exit == 0);
  shell("fake-pbs start 1");  // between the look and the word
  CHECK(shell("llmrun cancel king").exit == 0);
  CHECK(shell("llmrun status").out.find("cancelled") != std::string::npos);  // at once: what was known is old now
  CHECK(shell("llmrun cancel king").exit == 0);
  CHECK(shell.read("outputs/king/events.jsonl").find("\"cancelled\"") != std::string::npos);
}

TEST_CASE("jobs of another machine that shares the home, whose server is not reached from here, hide none of this one's") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  const json other{{"event", "submitted"}, {"job_id", "7"},      {"scheduler", "slurm"},
                   {"run", "far"},         {"dir", "/runs/far"}, {"time", "2026-11-24T09:00:00Z"}};
  std::ofstream(shell.path(".local/state/llmrun/jobs.jsonl"), std::ios::app) << other.dump() << '\n';
  shell.write("squeue", "#!/bin/sh\necho 'squeue: error: Unable to contact slurm controller (connect failure)' >&2\nexit 1\n");
  std::filesystem::permissions(shell.path("squeue"), std::filesystem::perms::owner_all);
  const Outcome status = shell("export PATH=\"$PWD:$PATH\"; llmrun status");
  CHECK(status.exit == 0);
  CHECK(status.out.find("waiting  debug  2      -/01:00:00  1    king") != std::string::npos);
  CHECK(status.out.find("unknown  -      -      -           7    far") != std::string::npos);
  CHECK(status.err.find("llmrun: warning: ") != std::string::npos);
}

TEST_CASE("E2: a home that is read-only costs the sharing and nothing else") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  std::filesystem::remove_all(shell.path(kAnswers));
  std::filesystem::create_directory(shell.path(kAnswers));  // root may write anywhere else
  CHECK(shell("llmrun status").out.find("waiting  debug") != std::string::npos);
  CHECK(shell("llmrun status").exit == 0);
}
