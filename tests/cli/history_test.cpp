#include "tests/cli/login_node.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

json attempt(int number, const std::string& start, const std::string& end, const json& exit) {
  return {{"number", number}, {"id", "i"}, {"start", start}, {"end", end}, {"log", "all.log"}, {"ranks", 2}, {"exit", exit}};
}

/// A run directory as llmrun train leaves it, and its line in the user's list.
void make_run(const CommandLine& shell, const std::string& name, const json& attempts, bool listed = true) {
  std::filesystem::create_directories(shell.path("outputs/" + name + "/logs/attempt-01"));
  const json record{{"version", 1},        {"name", name},        {"git", {{"sha", ""}, {"dirty", false}}}, {"versions", {{"llmrun", "0"}}},
                    {"finished_steps", 0}, {"attempts", attempts}};
  shell.write("outputs/" + name + "/run.json", record.dump());
  if (!listed) return;
  std::filesystem::create_directories(shell.path(".local/state/llmrun"));
  const json line{{"event", "launched"}, {"run", name}, {"dir", shell.path("outputs/" + name)}, {"time", attempts.at(0).at("start")}};
  std::ofstream(shell.path(".local/state/llmrun/jobs.jsonl"), std::ios::app) << line.dump() << '\n';
}

void make_four(const CommandLine& shell) {
  make_run(shell, "done-well",
           {attempt(1, "2026-11-01T09:00:00Z", "2026-11-01T10:00:00Z", 75), attempt(2, "2026-11-01T11:00:00Z", "2026-11-01T11:30:00Z", 0)});
  make_run(shell, "killed", json::array({attempt(1, "2026-11-02T09:00:00Z", "2026-11-02T09:00:10Z", 137)}));
  make_run(shell, "cut-off", json::array({attempt(1, "2026-11-03T09:00:00Z", "", json())}));
  make_run(shell, "removed", json::array({attempt(1, "2026-11-04T09:00:00Z", "2026-11-04T09:00:10Z", 0)}));
  std::filesystem::remove_all(shell.path("outputs/removed"));
}

json runs(const Outcome& outcome) { return json::parse(outcome.out).at("runs"); }

}  // namespace

TEST_CASE("history lists every run with its attempts, exit and time, newest last, and what is left of a directory that is gone") {
  const CommandLine shell;
  make_four(shell);
  const json all = runs(shell("llmrun history --json"));
  REQUIRE(all.size() == 4);
  CHECK(all[0]["run"] == "done-well");
  CHECK(all[0]["state"] == "done");
  CHECK(all[0]["attempts"].size() == 2);
  CHECK(all[0]["seconds"] == 5400);
  CHECK(all[0]["attempts"][0]["meaning"] == "stopped before its walltime, to be continued");
  CHECK(all[0]["attempts"][0]["job_id"].is_null());
  CHECK(all[1]["meaning"] == "signal 9 (SIGKILL)");
  CHECK(all[2]["state"] == "died");  // no exit was written, and nobody holds its lock
  CHECK(all[3]["state"] == "gone");
  CHECK(all[3]["directory_gone"] == true);
  const Outcome table = shell("llmrun history");
  CHECK(table.out.find("2026-11-02T09:00:10Z  failed  1         00:00:10  killed") != std::string::npos);
  CHECK(table.out.find("exit 137: signal 9 (SIGKILL)") != std::string::npos);
}

TEST_CASE("show says of an attempt that is over and wrote no exit that it wrote none") {
  const CommandLine shell;
  make_four(shell);
  CHECK(shell("llmrun show cut-off").out.find("  no exit was written\n") != std::string::npos);
  make_run(shell, "went-on",
           {attempt(1, "2026-11-03T09:00:00Z", "", json()), attempt(2, "2026-11-03T11:00:00Z", "2026-11-03T11:30:00Z", 0)});
  CHECK(shell("llmrun show went-on").out.find("2026-11-03T09:00:00Z  no exit was written\n") != std::string::npos);
}

TEST_CASE("history can be cut by number, time and state") {
  const CommandLine shell;
  make_four(shell);
  CHECK(runs(shell("llmrun history -n 1 --json")).size() == 1);
  CHECK(runs(shell("llmrun history --since 2026-11-03 --json")).size() == 2);
  CHECK(runs(shell("llmrun history --state failed,died --json")).size() == 2);
  CHECK(shell("llmrun history --state queued").out.empty());
  CHECK(runs(shell("llmrun history --state 'never ran' --json")).empty());
  const Outcome bogus = shell("llmrun history --state failed,bogus");
  CHECK(bogus.exit == 2);
  CHECK(bogus.err.starts_with("llmrun: --state: 'bogus' is none of queued, waiting, "));
  CHECK(shell("llmrun history --state faild").err.ends_with("hint: did you mean 'failed'?\n"));
}

TEST_CASE("a damaged record is told and hides no other run; a torn line in the list is passed over") {
  const CommandLine shell;
  make_four(shell);
  shell.write("outputs/killed/run.json", "{");
  std::ofstream(shell.path(".local/state/llmrun/jobs.jsonl"), std::ios::app) << R"({"event":"launched","run":"to)";
  const json all = runs(shell("llmrun history --json"));
  REQUIRE(all.size() == 4);
  CHECK(all[1]["run"] == "killed");
  CHECK(all[1]["record_damaged"] == true);
}

TEST_CASE("a launch without a queue is in the history, also of another directory and when it failed") {
  // llmrun beside a rank that does as it is told: programs that are in one folder belong together.
  const CommandLine shell;
  std::filesystem::create_directory(shell.path("bin"));
  std::filesystem::copy_file(LLMRUN_PROGRAM, shell.path("bin/llmrun"));
  std::filesystem::copy_file(LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank", shell.path("bin/llmrun-rank"));
  const std::string words =
      "export PATH=\"$PWD/bin:$PATH\" LD_LIBRARY_PATH='" +
      (std::filesystem::path(LLMRUN_PROGRAM).parent_path().parent_path() / "lib").string() +
      "'; mkdir -p elsewhere; cd elsewhere; FAKE_RANK=fail=0,3 llmrun train --set model=gpt-tiny --set run.name=x --set "
      "run.steps=3 --set machine=laptop --set machine.node.gpus=0 --ranks 1; cd ..; ";
  const json run = runs(shell(words + "llmrun history --json")).at(0);
  CHECK(run["run"] == "x");
  CHECK(run["state"] == "failed");
  CHECK(run["exit_code"] == 3);
  CHECK(run["meaning"] == "invalid configuration");
  CHECK(run["dir"] == shell.path("elsewhere/outputs/x"));
}

TEST_CASE("a launched program is in the history, shown and followed like a training, and its exit codes are its own") {
  struct Row {
    const char* program;
    int exit;
    const char* told;  // nothing behind a code that only the program knows
    json meaning;
  };
  const Row rows[] = {{"exit 3", 3, "exit 3", json()},
                      {"exit 75", 75, "exit 75", json()},
                      {"kill -9 $$", 137, "exit 137: signal 9 (SIGKILL)", "signal 9 (SIGKILL)"}};
  for (const Row& row : rows) {
    CAPTURE(row.program);
    const CommandLine shell;
    REQUIRE(
        shell(std::string("llmrun launch --ranks 1 --set machine.node.gpus=0 --set run.name=x -- sh -c 'echo hello; ") + row.program + "'")
            .exit == row.exit);
    const json run = runs(shell("llmrun history --json")).at(0);
    CHECK(run["run"] == "x");
    CHECK(run["state"] == "failed");
    CHECK(run["exit_code"] == row.exit);
    CHECK(run["meaning"] == row.meaning);
    CHECK(shell("llmrun history").out.ends_with(std::string("  ") + row.told + "\n"));
    CHECK(json::parse(shell("llmrun show x --json").out)["attempts"][0]["meaning"] == row.meaning);
    CHECK(shell("llmrun show x").out.find(std::string("Z  ") + row.told + "\n") != std::string::npos);
    CHECK(shell("llmrun tail x").out.starts_with("hello\n"));
    CHECK(shell("llmrun tail x").exit == row.exit);
    const Outcome why = shell("llmrun explain x");
    CHECK(why.out.find(std::string("attempt 1 ended with ") + row.told + "\n") != std::string::npos);
    CHECK(why.out.find("llmrun tail x -n 100 shows what it said\n") != std::string::npos);
  }
}

TEST_CASE("history outlives the scheduler: a queued run is there when its server is gone, with what was last known of it") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  CHECK(runs(shell("llmrun history --json"))[0]["state"] == "queued");
  shell("fake-pbs start 1; fake-pbs finish 1 -29");
  REQUIRE(shell("llmrun status").exit == 0);
  shell.fault("down");
  const json run = runs(shell("llmrun history --json"))[0];
  CHECK(run["state"] == "walltime");
  CHECK(run["exit_code"] == 143);
  CHECK(run["jobs"][0]["job_id"] == "1" + kServer);
}

TEST_CASE("a run that was just cancelled is cancelled in history before its scheduler was asked again, queued or killed") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  REQUIRE(shell.submit("queen").exit == 0);
  REQUIRE(shell("llmrun status").exit == 0);  // both wait
  const auto state = [&](const std::string& run) {
    for (const json& one : runs(shell("llmrun history --json")))
      if (one["run"] == run) return one["state"].get<std::string>();
    return std::string();
  };
  CHECK(state("king") == "waiting");
  REQUIRE(shell("llmrun cancel king").exit == 0);
  CHECK(state("king") == "cancelled");
  json killed = attempt(1, "2099-01-01T09:00:00Z", "", json());  // begun since
  killed["job"] = "2" + kServer;
  make_run(shell, "queen", json::array({killed}), /*listed=*/false);
  CHECK(state("queen") == "died");
  REQUIRE(shell("llmrun cancel queen").exit == 0);
  CHECK(state("queen") == "cancelled");
  REQUIRE(shell.submit("king").exit == 0);  // what was is no more
  CHECK(state("king") == "queued");
}

TEST_CASE("a cancel that the server did not hear leaves the job what the server says it is") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  shell.fault("refuse qdel 255 qdel: Communication failure.");
  CHECK(shell("llmrun cancel king").exit == 6);
  shell.fault("");
  std::string events = shell.read("outputs/king/events.jsonl");
  const size_t time = events.rfind("\"time\":\"") + 8;
  REQUIRE(events.find("\"cancelled\"") < time);
  shell.write("outputs/king/events.jsonl", events.replace(time, 4, "2020"));  // times are whole seconds
  shell.let_answers_age();
  REQUIRE(shell("llmrun status").exit == 0);
  CHECK(runs(shell("llmrun history --json"))[0]["state"] == "waiting");
}

TEST_CASE("an attempt that was told to end is what its own job says, not a failure, and what another job of the run says counts no more") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  REQUIRE(shell.submit("queen").exit == 0);
  shell("fake-pbs start 1; fake-pbs finish 1 271; fake-pbs set 1 substate=91 comment='\"and terminated by Scheduler@server\"'");
  shell("fake-pbs start 2; fake-pbs requeue 2");
  json told_to_end = attempt(1, "2020-01-01T09:00:00Z", "2020-01-01T10:00:00Z", 143);
  const auto state = [&](const std::string& run, const std::string& job) {
    told_to_end["job"] = job + kServer;
    make_run(shell, run, json::array({told_to_end}), /*listed=*/false);
    return json::parse(shell("llmrun show --json " + run).out).at("state").get<std::string>();
  };
  CHECK(state("king", "1") == "preempted");
  CHECK(state("queen", "2") == "waiting");  // put back
  told_to_end["exit"] = 1;
  CHECK(state("king", "1") == "failed");  // by itself
}

TEST_CASE("show tells of one run: attempts with their reasons, checkpoints, the last metrics, jobs, files") {
  const CommandLine shell;
  make_run(shell, "killed", json::array({attempt(1, "2026-11-02T09:00:00Z", "2026-11-02T09:00:10Z", 1)}), /*listed=*/false);
  shell.write("outputs/killed/logs/attempt-01/rank-00003.error.json",
              R"({"rank": 3, "host": "x3001c0s1b0n0", "code": 1, "what": "cannot read 'x.bin'", "hint": "ls -l x.bin", "time": 1.0})");
  shell.write("outputs/killed/logs/attempt-01/rank-00003.log", "reading\ncannot read\n");
  shell.write("outputs/killed/metrics.jsonl", "{\"step\": 1, \"loss\": 3.5}\n{\"step\": 2, \"loss\": 3.25}\n{\"step\": 3, \"lo");
  for (const char* step : {"step-00000001", "step-00000002", "step-00000003.tmp"}) {
    std::filesystem::create_directories(shell.path(std::string("outputs/killed/checkpoints/") + step));
    shell.write(std::string("outputs/killed/checkpoints/") + step + "/manifest.json", "{}");
  }
  std::filesystem::create_directories(shell.path("outputs/killed/checkpoints/step-00000004"));  // not whole
  const json shown = json::parse(shell("llmrun show --json").out);
  CHECK(shown["state"] == "failed");
  CHECK(shown["attempts"][0]["reason"] == "rank 3 on x3001c0s1b0n0: cannot read 'x.bin'");
  CHECK(shown["checkpoints"] == json{{"count", 2}, {"newest", 2}});
  CHECK(shown["metrics"]["loss"] == 3.25);
  const Outcome text = shell("llmrun show killed");
  CHECK(text.out.find("checkpoints  2, newest at step 2\n") != std::string::npos);
  CHECK(text.out.find("rank 3 on x3001c0s1b0n0: cannot read 'x.bin'") != std::string::npos);

  const Outcome told = shell("llmrun explain killed");
  CHECK(told.out.starts_with("run 'killed': failed\n"));
  CHECK(told.out.find("attempt 1 ended with exit 1: failed\n") != std::string::npos);
  CHECK(told.out.find("    | cannot read\n") != std::string::npos);
  CHECK(told.out.find("hint: ls -l x.bin\n") != std::string::npos);
}

TEST_CASE("show of a queued run names its job and why it waits, also when the server is away") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  CHECK(shell("llmrun show").out.find("job 1        waiting in debug: Not Running: Not enough free nodes available\n") !=
        std::string::npos);
  shell.let_answers_age();
  shell.fault("down");
  const Outcome old = shell("llmrun show king");
  CHECK(old.exit == 0);
  CHECK(old.out.find("waiting in debug") != std::string::npos);
  CHECK(old.err.find("cannot connect to server") != std::string::npos);
  std::filesystem::remove(shell.path(kAnswers));  // and nothing was ever heard of it
  for (const char* words : {"llmrun show king", "llmrun show king --json"}) {
    const Outcome alone = shell(words);
    CHECK(alone.exit == 0);
    CHECK_MESSAGE(alone.out.find("queued") != std::string::npos, alone.out);
    CHECK(alone.err.starts_with("llmrun: warning: qstat: cannot connect to server"));
  }
  CHECK(shell("llmrun explain king").exit == 6);  // why it waits is the server's to say
}

TEST_CASE("a run is shown and explained on a machine that shares its home and has no scheduler") {
  const Polaris shell;
  REQUIRE(shell.submit("king").exit == 0);
  std::filesystem::remove(shell.path(kAnswers));
  const auto elsewhere = [&](const std::string& words) {
    return shell.CommandLine::operator()("llmrun=$(command -v llmrun); PATH=$PWD; \"$llmrun\" " + words);
  };
  CHECK(elsewhere("show king").out.find("queued ") != std::string::npos);
  CHECK(elsewhere("explain king").err == "llmrun: 'qstat' is not on the PATH of this machine\nhint: command -v qstat\n");
  json ended = attempt(1, "2020-01-01T09:00:00Z", "2020-01-01T10:00:00Z", 0);
  ended["job"] = "1" + kServer;
  make_run(shell, "king", json::array({ended}), /*listed=*/false);
  for (const char* words : {"show king", "explain king"}) {
    const Outcome told = elsewhere(words);
    CHECK(told.exit == 0);
    CHECK_MESSAGE(told.out.find("exit 0: done") != std::string::npos, told.out);
    CHECK(told.err == "llmrun: warning: 'qstat' is not on the PATH of this machine\n");
  }
  CHECK(elsewhere("show king").out.find("job 1        done\n") != std::string::npos);
}
