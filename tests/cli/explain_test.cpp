#include "tests/cli/login_node.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// A waiting job of which the scheduler says this.
Outcome explained(const Polaris& shell, const std::string& comment, const std::string& more = "") {
  REQUIRE(shell.submit("king").exit == 0);
  shell.write("comment", "comment=" + json(comment).dump());
  REQUIRE(shell("fake-pbs set 1 \"$(cat comment)\" " + more).exit == 0);
  return shell("llmrun explain king");
}

}  // namespace

TEST_CASE("Q4: explain quotes the scheduler, says what it means, and what to do") {
  struct Row {
    const char* comment;
    const char* more;
    const char* headline;
    const char* meaning;
    const char* hint;
  };
  const Row rows[] = {
      {"Not Running: Not enough free nodes available", "", "job 1 of 'king' waits in debug", "other jobs have the nodes", nullptr},
      {"Can Never Run: Insufficient amount of server resource: eagle_fs (True != False)", "", "waits in debug", "file system",
       "job.filesystems"},
      {"Can Never Run: Not enough total nodes available", "", "waits in debug", "would wait for ever", "llmrun cancel king"},
      {"Not Running: Queue not started.", "", "waits in debug", "starts none", "job.queue=NAME"},
      {"No active allocation found for project P and resource polaris", "", "waits", "no time left", "job.account=PROJECT"},
      {"job held, too many failed attempts to run", "'job_state=\"H\"' 'Hold_Types=\"s\"' 'substate=20' 'run_count=21'", "is held in debug",
       "tried to start it 21 times", "qrls 1.polaris"},
      {"Job held by hpcuser on Mon Nov 23 17:00:44 2026", "'job_state=\"H\"' 'Hold_Types=\"u\"'", "is held", "held by a person", "qrls 1."},
  };
  for (const Row& row : rows) {
    CAPTURE(row.comment);
    const Polaris shell;
    const Outcome told = explained(shell, row.comment, row.more);
    CHECK(told.exit == 0);
    CAPTURE(told.out);
    CHECK(told.out.find(row.headline) != std::string::npos);
    CHECK(told.out.find("the scheduler says: " + std::string(row.comment) + "\n") != std::string::npos);
    CHECK(told.out.find(row.meaning) != std::string::npos);
    CHECK((row.hint == nullptr || told.out.find(row.hint) != std::string::npos));
    CHECK(told.out.find("asked for 2 nodes for 01:00:00; queue 'debug' takes 1 to 2 nodes, 00:05:00 to 01:00:00") != std::string::npos);
  }
}

TEST_CASE("Q4: a dependency that waits, and one that can never be met") {
  const Polaris shell;
  REQUIRE(shell.submit("parent").exit == 0);
  REQUIRE(shell.submit("king").exit == 0);
  REQUIRE(shell("qalter -W depend=afterok:1 2").exit == 0);
  const Outcome waits = shell("llmrun explain king");
  CHECK(waits.out.find("job 2 of 'king' is held in debug") != std::string::npos);
  CHECK(waits.out.find("it waits for other jobs: afterok:1\n") != std::string::npos);
  CHECK(shell("llmrun status king").out.ends_with("  king  waits for afterok:1\n"));
  CHECK(shell("llmrun show king").out.find("held in debug: waits for afterok:1\n") != std::string::npos);
  CHECK(shell("timeout 2 llmrun tail king").err.find("king: job 2 is held: waits for afterok:1\n") != std::string::npos);
  shell("fake-pbs start 1; fake-pbs finish 1 7");
  shell.let_answers_age();
  const Outcome never = shell("llmrun explain 2");
  CHECK(never.out.find("job 2 of 'king': never ran") != std::string::npos);
  CHECK(never.out.find("ended otherwise than it must have") != std::string::npos);
  CHECK(never.out.find("hint: llmrun submit again") != std::string::npos);
}

TEST_CASE("explain tells when a job may start, that it was preempted, and that a routed job vanished") {
  const Polaris shell;
  const Outcome told = explained(shell, "Not Running: Not enough free nodes available",
                                 "run_count=1 Exit_status=-11 'estimated={\"start_time\": \"Mon Nov 23 17:00:34 2037\"}'");
  CHECK(told.out.find("started 1 time and put back: its nodes were taken for another job; it starts again from the beginning") !=
        std::string::npos);
  CHECK(shell("llmrun status").out.find("king  preempted, waits again: Not Running: Not enough free nodes available\n") !=
        std::string::npos);
  CHECK(shell("llmrun history").out.ends_with("  preempted, and put back into the queue\n"));
  CHECK(told.out.find("starts about 2037-11-23 17:00") != std::string::npos);
  shell("fake-pbs forget 1");
  shell.let_answers_age();
  CHECK(shell("llmrun explain king").out.find("lets a job vanish that no queue behind a routing queue takes") != std::string::npos);
}

TEST_CASE("explain tells how a job ended: at its walltime, cancelled, or in its own script, with the end of its output") {
  struct Row {
    const char* events;
    const char* meaning;
    const char* hint;
  };
  const Row rows[] = {
      {"fake-pbs start 1; fake-pbs finish 1 -29", "reached its walltime and was killed",
       "hint: llmrun submit --until-done goes on by itself"},
      {"qdel 1", "cancelled before it ran", "hint: llmrun submit again starts from the beginning"},
      {"fake-pbs start 1; qdel 1", "cancelled while it ran", "hint: llmrun submit again"},
      {"fake-pbs start 1; fake-pbs finish 1 271; fake-pbs set 1 substate=91 comment='\"Job run and terminated by Scheduler@server\"'",
       "its nodes were taken for another job (preempted), and it was not put back", "hint: llmrun submit again starts from the beginning"},
      {"fake-pbs start 1; fake-pbs finish 1 3", "exit 3: invalid configuration", "hint: llmrun config check /"},
      {"fake-pbs start 1; fake-pbs finish 1 265", "exit 137: signal 9 (SIGKILL)", "hint: llmrun submit again"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.events);
    const Polaris shell;
    REQUIRE(shell.submit("king").exit == 0);
    shell(row.events);
    const Outcome told = shell("llmrun explain");
    CAPTURE(told.out);
    CHECK(told.exit == 0);
    CHECK(told.out.find(row.meaning) != std::string::npos);
    CHECK(told.out.find(row.hint) != std::string::npos);
  }
}

TEST_CASE("I2: nothing in a job's name, comment or directory reaches the terminal as it is") {
  const Polaris shell;
  const std::string hostile =
      "\x1b[31mred\x1b]52;c;aGk=\x07 back\r\x08 \xe2\x80\xae"
      "drow \xc2\x9b"
      "31m \x7f end";
  REQUIRE(explained(shell, hostile, "").exit == 0);
  shell.write(
      "evil.py",
      "import json\nlist = open('.local/state/llmrun/jobs.jsonl', 'a')\n"
      "evil = 'x\\x1b]0;title\\x07\\r\\u202egnp'\n"
      "list.write(json.dumps({'event': 'submitted', 'job_id': '7.s' + evil, 'scheduler': 'pbs', 'run': evil, 'dir': '/runs/' + evil,\n"
      "                       'time': '2026-11-24T09:00:00Z'}) + '\\n')\n");
  REQUIRE(shell("python3 evil.py").exit == 0);
  for (const char* words : {"status", "status king", "explain king", "show king", "history", "status --json", "explain king --json",
                            "show king --json", "history --json"}) {
    CAPTURE(words);
    const Outcome told = shell(std::string("llmrun ") + words);
    CHECK(told.exit == 0);
    CHECK(told.out.size() > 10);
    if (std::string(words).find("--json") == std::string::npos) {
      CHECK(harmless(told.out));
      CHECK(harmless(told.err));
    } else {
      CHECK(told.out.find('\x1b') == std::string::npos);
      CHECK(json::accept(told.out));
    }
  }
  CHECK(shell("llmrun explain king").out.find("\\x1b[31mred") != std::string::npos);  // shown, not swallowed
}

TEST_CASE("explain tells who waits in the queue before a job, and asks for that once in 15 s") {
  const Polaris shell;
  REQUIRE(shell.submit("first").exit == 0);
  CHECK(shell("llmrun explain first").out.find("  no job waits before it in debug; the scheduler tells of your own jobs alone") !=
        std::string::npos);
  REQUIRE(shell("USER=alice qsub -N hers outputs/first/job.sh").exit == 0);
  REQUIRE(shell("USER=bob qsub -N his -l select=1 outputs/first/job.sh").exit == 0);
  REQUIRE(shell.submit("king").exit == 0);
  std::filesystem::remove(shell.path(".local/state/llmrun/status-line-pbs.json"));
  const Outcome told = shell("llmrun explain king");
  CHECK_MESSAGE(told.out.find("  3 jobs that want 5 nodes wait before it in debug\n") != std::string::npos, told.out);
  const int asked = shell.questions();
  const json again = json::parse(shell("llmrun explain king --json").out);
  CHECK(again.at("ahead") == json{{"jobs", 3}, {"nodes", 5}, {"tells_of_others", true}});
  CHECK(shell.questions() == asked);
  shell("fake-pbs start 1");
  std::filesystem::remove(shell.path(".local/state/llmrun/status-line-pbs.json"));
  CHECK(shell("llmrun explain king").out.find("2 jobs that want 3 nodes wait before it") != std::string::npos);
  std::filesystem::remove(shell.path(".local/state/llmrun/status-line-pbs.json"));
  shell.fault("down");  // where the answers about the job itself are fresh
  CHECK(shell("llmrun explain king").out.find("how many jobs wait before it in debug is not known") != std::string::npos);
}

TEST_CASE("explain tells of an attempt that a rank refused what train told: its sentence, rank, host and hint, also without its file") {
  const CommandLine shell;
  std::filesystem::create_directory(shell.path("bin"));
  std::filesystem::copy_file(LLMRUN_PROGRAM, shell.path("bin/llmrun"));
  std::filesystem::copy_file(LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank", shell.path("bin/llmrun-rank"));
  for (const std::string how : {"fail", "mute"}) {  // with its report in a file; on stderr alone
    CAPTURE(how);
    const Outcome trained = shell("export PATH=\"$PWD/bin:$PATH\" FAKE_RANK=" + how + "=1,5; llmrun train --set model=gpt-tiny --set " +
                                  "run.steps=3 --set machine=laptop --set machine.node.gpus=0 --ranks 2 --set run.name=" + how);
    CHECK(trained.exit == 5);
    const std::string cause = "rank 1 on here (in data): cannot read 'x.bin'\n";
    CHECK_MESSAGE(trained.err.find(cause) != std::string::npos, trained.err);
    const Outcome told = shell("llmrun explain " + how);
    CHECK_MESSAGE(told.out.find("  " + cause) != std::string::npos, told.out);
    CHECK(told.out.find("  hint: ls -l x.bin\n") != std::string::npos);
    const json failure = json::parse(shell("llmrun explain --json " + how).out).at("failure");
    CHECK(failure.at("rank") == 1);
    CHECK(failure.at("host") == "here");
    CHECK(failure.at("hint") == "ls -l x.bin");
    CHECK(shell("llmrun show " + how).out.find(cause) != std::string::npos);
  }
}
