#include <algorithm>
#include <chrono>
#include <thread>

#include "engine/core/json.h"
#include "tests/cli/submit_king.h"
#include "tests/support/readme.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// Polaris whose jobs really run, on this machine, with a rank that does as `rank` says (tests/fakes/llmrun-rank).
struct RunningPolaris {
  explicit RunningPolaris(const std::string& rank) {
    for (const char* folder : {"pbs", "bin"}) std::filesystem::create_directory(shell.path(folder));
    std::filesystem::copy_file(LLMRUN_PROGRAM, shell.path("bin/llmrun"));
    std::filesystem::copy_file(LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank", shell.path("bin/llmrun-rank"));
    shell("hostname > pbs/run");
    shell.write("pbs/profile", "export FAKE_RANK='" + rank + "' LLMRUN_PROFILES='" LLMRUN_SOURCE_DIR "/profiles'\n");
  }
  Outcome operator()(const std::string& words) const { return on_polaris(shell, "PATH=\"$PWD/bin:$PATH\"; " + words); }
  Outcome submit(const std::string& more) const {
    return (*this)(
        "llmrun submit --set machine=polaris --set model=gpt-tiny --set run.steps=30 --set run.name=king --set job.nodes=1 --set "
        "machine.node.gpus=0 --set job.ranks_per_node=1 --set job.account=datascience --set job.walltime=1:00:00 --set "
        "job.queue=preemptable " +
        more);
  }
  /// Every job of the server once none of them waits or runs.
  json jobs_in_the_end() const {
    for (;;) {
      (*this)("qstat");  // as time goes by, the server acts
      const json state = json::parse(shell.read("pbs/state.json"), nullptr, false);
      if (!state.is_discarded()) {
        const json jobs = state.at("jobs");
        if (std::all_of(jobs.begin(), jobs.end(), [](const json& job) { return job.at("job_state") == "F" || job.at("job_state") == "X"; }))
          return jobs;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  CommandLine shell;
};

std::vector<int> exit_codes(const json& jobs) {
  std::vector<int> codes;
  for (const json& job : jobs) codes.push_back(job.value("Exit_status", -1000));
  return codes;
}

}  // namespace

TEST_CASE("T1: a run until it is done goes through as many jobs as it needs, each queued once by the one before") {
  const RunningPolaris polaris("save=10,75");
  REQUIRE(polaris.submit("--until-done").exit == 0);
  CHECK(exit_codes(polaris.jobs_in_the_end()) == std::vector<int>{75, 75, 0});
  CHECK(polaris("llmrun status").out.find("stopped") != std::string::npos);  // a link of a chain has not failed
  const Outcome again = polaris.submit("--until-done");
  CHECK(again.exit == 0);
  CHECK(again.err.starts_with("king is finished: 30 steps"));
  CHECK(polaris.jobs_in_the_end().size() == 3);
}

TEST_CASE("T4: three jobs without a checkpoint end with 93, and the reason is told and recorded") {
  const RunningPolaris polaris("save=0,1");
  REQUIRE(polaris.submit("--until-done").exit == 0);
  CHECK(exit_codes(polaris.jobs_in_the_end()) == std::vector<int>{1, 1, 93});
  CHECK(polaris.shell.read("outputs/king/events.jsonl").find(R"("reason":"no_progress","exit":93)") != std::string::npos);
  CHECK(polaris.shell.read("outputs/king/king.o3").find("made no new checkpoint in 3 jobs") != std::string::npos);

  const Outcome tail = polaris("llmrun tail king");
  CHECK(tail.exit == 93);
  CHECK(tail.err.ends_with(
      "ended with exit 1: failed\nllmrun: the chain of jobs is at its end: 3 jobs in a row made no new checkpoint, so no "
      "further one was queued\nhint: llmrun explain king\n"));
  const Outcome told = polaris("llmrun explain king");
  CHECK_MESSAGE(told.out.find("that means: the chain of jobs is at its end: 3 jobs in a row made no new checkpoint") != std::string::npos,
                told.out);
  CHECK(told.out.ends_with("  hint: mend what stops it, or save more often (--set checkpoint.every_steps=N); then llmrun submit\n"));
  const Outcome shown = polaris("llmrun show king");
  CHECK_MESSAGE(shown.out.find("\nchain        the chain of jobs is at its end: 3 jobs") != std::string::npos, shown.out);
  const json document = json::parse(polaris("llmrun show king --json").out);
  CHECK(document.at("exit_code") == 93);
  CHECK(document.at("chain_ended") == "no_progress");
  CHECK(json::parse(polaris("llmrun explain king --json").out).at("exit_code") == 93);
}

TEST_CASE("a chain of one queues one more job, and says that it is used up") {
  const RunningPolaris polaris("save=10,75");
  const Outcome queued = polaris.submit("--chain 1 --json");
  CHECK(json::parse(queued.out)["chain"] == 1);
  CHECK(exit_codes(polaris.jobs_in_the_end()) == std::vector<int>{75, 75});
  CHECK(polaris.shell.read("outputs/king/king.o2").find("The chain of 1 more job is used up") != std::string::npos);
  CHECK(polaris("llmrun tail king").exit == 75);
  for (const char* words : {"llmrun explain king", "llmrun show king"}) {
    const Outcome told = polaris(words);
    CHECK_MESSAGE(told.out.find("the chain of jobs is at its end: job.chain allows no further job") != std::string::npos, told.out);
    CHECK(told.out.find("; with --until-done, in as many jobs as it takes\n") != std::string::npos);
  }
  CHECK(polaris("llmrun explain king").out.find("to be continued") == std::string::npos);
}

TEST_CASE("a chain that an error ended says so, with the rank's own hint, and is forgotten once the run is queued again") {
  const RunningPolaris polaris("fail=0,97");
  REQUIRE(polaris.submit("--until-done").exit == 0);
  CHECK(exit_codes(polaris.jobs_in_the_end()) == std::vector<int>{97});
  const Outcome told = polaris("llmrun explain king");
  CHECK_MESSAGE(told.out.find("that means: the chain of jobs is at its end: another job would not mend exit 97") != std::string::npos,
                told.out);
  CHECK(told.out.ends_with("  hint: ls -l x.bin\n"));
  CHECK(polaris("llmrun tail king").exit == 97);
  polaris.shell.write("outputs/king/events.jsonl", polaris.shell.read("outputs/king/events.jsonl") +
                                                       R"({"event":"attempt_begun","time":"2026-11-24T09:00:00Z"})" + "\n");
  CHECK(polaris("llmrun explain king").out.find("chain") == std::string::npos);
}

TEST_CASE("a member of a sweep goes on in jobs of its own") {
  const RunningPolaris polaris("save=20,75");
  REQUIRE(polaris.submit("--until-done --sweep run.seed=1,2").exit == 0);
  const json jobs = polaris.jobs_in_the_end();
  CHECK(jobs.size() == 5);  // the array, its two elements, and one more for each
  for (const char* member : {"seed=1", "seed=2"})
    CHECK(std::filesystem::exists(polaris.shell.path(std::string("outputs/king/") + member + "/checkpoints/step-00000040")));
}

TEST_CASE("of a sweep explain names the members that failed, and status what was queued last for each") {
  const RunningPolaris polaris("");
  const std::string profile = "export LLMRUN_PROFILES='" LLMRUN_SOURCE_DIR "/profiles' FAKE_RANK=";
  const std::string sweep = "--sweep run.seed=1,2,3,4,5,6,7,8";
  polaris.shell.write("pbs/profile", profile + "fail=0,5; [ \"$PBS_ARRAY_INDEX\" = 1 ] && export FAKE_RANK=steps=30\n");
  REQUIRE(polaris.submit(sweep).exit == 0);
  polaris.jobs_in_the_end();
  const auto explained = [&] {
    for (const auto& file : std::filesystem::directory_iterator(polaris.shell.path(".local/state/llmrun")))
      if (file.path().filename().string().starts_with("status")) std::filesystem::remove(file.path());
    return polaris("llmrun explain king");
  };
  const Outcome told = explained();
  CHECK_MESSAGE(
      told.out.find("  7 of 8 members failed: king/seed=1 (exit 5: refused before the start), king/seed=3 (") != std::string::npos,
      told.out);
  CHECK(told.out.find("king/seed=6 (exit 5: refused before the start), and 2 more\n") != std::string::npos);
  CHECK(told.out.ends_with(
      "  hint: llmrun explain king/seed=1 says why; the same llmrun submit again queues only the members that are not done\n"));
  CHECK(polaris("llmrun explain king/seed=1").out.find("cannot read 'x.bin'") != std::string::npos);
  const json members = json::parse(polaris("llmrun history --json").out).at("runs");
  CHECK(std::count_if(members.begin(), members.end(), [](const json& run) { return run.at("run") == "king/seed=2"; }) == 1);
  CHECK(polaris("llmrun history").out.find("  seed=") == std::string::npos);

  const auto rows = [&] {
    std::vector<std::string> names;
    const json told = json::parse(polaris("llmrun status king --json").out);
    for (const json& job : told.at("jobs"))
      names.push_back(job.at("job_id").get<std::string>().substr(0, 3) + " " + job.at("run").get<std::string>());
    return names;
  };
  const auto member = [](const std::string& id, int seed) { return id + " king/seed=" + std::to_string(seed); };
  REQUIRE(rows().size() == 9);
  CHECK(rows().front() == "1[] king");
  CHECK(rows()[4] == member("1[3", 4));
  polaris.shell.write("pbs/profile", profile + "steps=30; [ \"$PBS_ARRAY_INDEX\" = 2 ] && export FAKE_RANK=fail=0,5\n");
  REQUIRE(polaris.submit(sweep).exit == 0);
  polaris.jobs_in_the_end();
  REQUIRE(rows().size() == 9);
  CHECK(rows().front() == "2[] king");
  CHECK(rows()[2] == member("1[1", 2));  // done before
  CHECK(rows()[4] == member("2[2", 4));
  polaris.shell.write("pbs/profile", profile + "steps=30\n");
  REQUIRE(polaris.submit(sweep).exit == 0);  // one member alone
  polaris.jobs_in_the_end();
  REQUIRE(rows().size() == 9);
  CHECK(rows()[4] == member("3.p", 4));
  const Outcome mended = explained();
  CHECK_MESSAGE(mended.out.find("none of its 1 member has failed by now") != std::string::npos, mended.out);
  CHECK(mended.out.find("hint") == std::string::npos);
}

TEST_CASE("submit --watch follows the run through its jobs and ends as it does") {
  const RunningPolaris polaris("save=15,75");
  const Outcome watched = polaris.submit("--until-done --watch");
  CHECK_MESSAGE(watched.exit == 0, watched.err);
  CHECK(watched.out.starts_with(full_id("1") + "\n"));
  CHECK(exit_codes(polaris.jobs_in_the_end()) == std::vector<int>{75, 0});
}

TEST_CASE("a run that is cancelled while it runs queues no other job") {
  const RunningPolaris polaris("wait");
  REQUIRE(polaris.submit("--until-done").exit == 0);
  while (!std::filesystem::exists(polaris.shell.path("outputs/king/logs/attempt-01/waiting-0"))) {
    polaris("qstat");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(polaris("llmrun cancel king").exit == 0);
  CHECK(polaris.jobs_in_the_end().size() == 1);
  CHECK(polaris.shell.read("outputs/king/events.jsonl").find(R"("event":"cancelled")") != std::string::npos);
}

TEST_CASE("what the README types on Polaris works, line by line") {
  const RunningPolaris polaris("save=200,75");
  polaris.shell.write("my-run.yaml",
                      "machine: {extends: polaris, node: {gpus: 0}}\nmodel: gpt-tiny\nrun: {name: my-run, steps: 200}\n"
                      "job: {nodes: 1, ranks_per_node: 1, account: datascience, queue: preemptable, walltime: \"01:00:00\"}\n");
  const std::vector<std::string> commands = readme_commands("On Polaris");
  CHECK(commands.size() == 10);
  for (const std::string& command : commands) {
    const Outcome outcome = polaris(command);
    CHECK_MESSAGE(outcome.exit == 0, (command + "\n" + outcome.err));
  }
}
