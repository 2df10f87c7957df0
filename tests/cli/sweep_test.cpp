#include "engine/core/json.h"
#include "tests/cli/submit_king.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

const std::string kSweep = kSubmitKing + "--set run.name=lrs --sweep optimizer.lr=1e-4,3e-4 ";

/// run.json of a member that has done all of its steps.
void finish(const CommandLine& shell, const std::string& member) {
  const json record{{"version", 1},          {"name", member},           {"git", {{"sha", ""}}}, {"versions", {{"llmrun", "0"}}},
                    {"finished_steps", 100}, {"attempts", json::array()}};
  shell.write("outputs/lrs/" + member + "/run.json", record.dump());
}

}  // namespace

TEST_CASE("a sweep is one array job whose members are runs of their own, known by their names") {
  const CommandLine shell;
  const Outcome queued = on_polaris(shell, kSweep + "--sweep run.seed=1,2 --set job.array=0-3%2 --json");
  REQUIRE_MESSAGE(queued.exit == 0, queued.err);
  const json told = json::parse(queued.out);
  CHECK(told["version"] == 1);
  CHECK(told["run"] == "lrs");
  CHECK(told["job_id"] == full_id("1[]"));
  REQUIRE(told["members"].size() == 4);
  CHECK(told["members"][1]["run"] == "lrs/lr=1e-4,seed=2");
  CHECK(told["members"][1]["job_id"] == full_id("1[1]"));
  CHECK(shell.read("outputs/lrs/members") == "lr=1e-4,seed=1\nlr=1e-4,seed=2\nlr=3e-4,seed=1\nlr=3e-4,seed=2\n");
  CHECK(shell.read("outputs/lrs/job.sh").find("\n#PBS -J 0-3%2\n") != std::string::npos);
  CHECK(shell.read("outputs/lrs/lr=3e-4,seed=2/config.yaml").find("lr: 0.0003") != std::string::npos);
  CHECK(shell.read("outputs/lrs/lr=3e-4,seed=2/job.sh").find("#PBS -J") == std::string::npos);

  const Outcome status = on_polaris(shell, "llmrun status --json 'lr=3e-4,seed=1'");
  CHECK(json::parse(status.out)["jobs"][0]["job_id"] == full_id("1[2]"));
  CHECK(on_polaris(shell, "llmrun cancel 'lrs/lr=3e-4,seed=1'").exit == 0);
  CHECK(json::parse(on_polaris(shell, "llmrun status --json 'lr=3e-4,seed=1'").out)["jobs"][0]["state"] == "cancelled");
  CHECK(json::parse(on_polaris(shell, "llmrun status --json 'lr=3e-4,seed=2'").out)["jobs"][0]["state"] == "waiting");
}

TEST_CASE("the same sweep again queues what is not finished: a part, one run without an array, or nothing") {
  const CommandLine shell;
  const std::string three = kSubmitKing + "--set run.name=lrs --sweep optimizer.lr=1e-4,3e-4,1e-3 ";
  REQUIRE(on_polaris(shell, three).exit == 0);
  CHECK(on_polaris(shell, three).exit == 5);  // the array waits
  REQUIRE(on_polaris(shell, "llmrun cancel lrs").exit == 0);
  finish(shell, "lr=3e-4");
  REQUIRE(on_polaris(shell, three).exit == 0);
  CHECK(shell.read("outputs/lrs/members") == "lr=1e-4\nlr=1e-3\n");
  REQUIRE(on_polaris(shell, "llmrun cancel lrs").exit == 0);
  finish(shell, "lr=1e-4");
  const Outcome one = on_polaris(shell, three);
  REQUIRE_MESSAGE(one.exit == 0, one.err);
  CHECK(one.out == full_id("3") + "\n");  // PBS knows no array of one
  CHECK(json::parse(on_polaris(shell, "llmrun status --json lrs/lr=1e-3").out)["jobs"][0]["job_id"] == full_id("3"));
  finish(shell, "lr=1e-3");
  const Outcome none = on_polaris(shell, three);
  CHECK(none.exit == 0);
  CHECK(none.err == "lrs is finished: all of its 3 members\n");
}

TEST_CASE("tail of a sweep names its members, which have logs, and one that runs before all others") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSweep).exit == 0);
  const Outcome tail = on_polaris(shell, "llmrun tail lrs");
  CHECK(tail.exit == 2);
  CHECK(tail.err ==
        "llmrun: 'lrs' is a sweep, and has no logs of its own: name one of its 2 members\n"
        "   = lrs/lr=1e-4 (waiting)\n   = lrs/lr=3e-4 (waiting)\nhint: llmrun tail lrs/lr=1e-4\n");
  REQUIRE(on_polaris(shell, "fake-pbs start '1[1]'; llmrun submit --help; rm .local/state/llmrun/status-*").exit == 0);
  CHECK(on_polaris(shell, "llmrun tail lrs").err.ends_with("lrs/lr=3e-4 (running)\nhint: llmrun tail lrs/lr=3e-4\n"));
}

TEST_CASE("show of a sweep names its members and how each stands, not logs and checkpoints that it cannot have") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSweep).exit == 0);
  REQUIRE(on_polaris(shell, "fake-pbs start '1[1]'; fake-pbs finish '1[1]' 3; rm -f .local/state/llmrun/status-*").exit == 0);
  const Outcome show = on_polaris(shell, "llmrun show lrs");
  CHECK_MESSAGE(show.out.ends_with("\nmembers      lrs/lr=1e-4 (waiting)\n             lrs/lr=3e-4 (exit 3: invalid configuration)\n"),
                show.out);
  CHECK(show.out.find("logs ") == std::string::npos);
  CHECK(show.out.find("checkpoints ") == std::string::npos);
  const json members = json::parse(on_polaris(shell, "llmrun show lrs --json").out)["members"];
  REQUIRE(members.size() == 2);
  CHECK(members[1] == json{{"run", "lrs/lr=3e-4"}, {"state", "failed"}, {"dir", shell.path("outputs/lrs/lr=3e-4")}, {"exit_code", 3}});
  CHECK(json::parse(on_polaris(shell, "llmrun show lrs/lr=1e-4 --json").out)["members"].empty());
}

TEST_CASE("status of a sweep shows its array and each member as it was queued last; a prefix that it shares with them alone is its name") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSweep).exit == 0);
  REQUIRE(on_polaris(shell, "llmrun cancel lrs").exit == 0);
  finish(shell, "lr=1e-4");
  REQUIRE(on_polaris(shell, kSubmitKing + "--set run.name=lrs --sweep optimizer.lr=1e-4,3e-4,1e-3 ").exit == 0);
  const json jobs = json::parse(on_polaris(shell, "llmrun status lr --json").out)["jobs"];
  std::string told;
  for (const json& job : jobs) told += job["job_id"].get<std::string>().substr(0, 4) + " " + job["run"].get<std::string>() + "\n";
  CHECK(told == "2[]. lrs\n1[0] lrs/lr=1e-4\n2[0] lrs/lr=3e-4\n2[1] lrs/lr=1e-3\n");
}

TEST_CASE("status and history say how many they leave out") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSweep).exit == 0);
  const Outcome status = on_polaris(shell, "llmrun status -n 1"), history = on_polaris(shell, "llmrun history -n 1");
  CHECK(status.err == "The newest 1 of 3 jobs; all: llmrun status -n 3\n");
  CHECK(history.err == "The newest 1 of 3 runs; all: llmrun history -n 3\n");
  CHECK(json::parse(on_polaris(shell, "llmrun status -n 1 --json").out)["older"] == 2);
  CHECK(json::parse(on_polaris(shell, "llmrun history -n 3 --json").out)["older"] == 0);
}

TEST_CASE("a sweep of more members than its queue takes at once goes in turns, and says so; job.array has the last word") {
  const CommandLine shell;
  const std::string three = kSubmitKing + "--set run.name=lrs --set job.queue=debug --sweep optimizer.lr=1e-4,3e-4,1e-3 ";
  const Outcome asked = on_polaris(shell, three + "--set job.array=0-2%2 --dry-run");
  CHECK(asked.out.find("\n#PBS -J 0-2%2\n") != std::string::npos);
  CHECK(asked.err.find("queue 'debug' takes 1 of an array's members at once, and job.array lets 2 go together: the server may refuse") !=
        std::string::npos);
  const std::string warning = "queue 'debug' takes 1 of an array's members at once, and the sweep has 3: the others go in their turn";
  const Outcome dry = on_polaris(shell, three + "--dry-run");
  CHECK(dry.err.find(warning) != std::string::npos);
  CHECK(dry.out.find("\n#PBS -J 0-2%1\n") != std::string::npos);
  const Outcome queued = on_polaris(shell, three + "--json");
  CHECK(queued.exit == 0);
  CHECK(json::parse(queued.out)["warnings"] == json::array({warning}));
  CHECK(shell.read("outputs/lrs/job.sh") == dry.out);
}

TEST_CASE("a sweep of more members than its queue takes jobs of a user is refused before anything is written") {
  const CommandLine shell;
  const Outcome refused =
      on_polaris(shell, kSubmitKing + "--set run.name=lrs --set job.queue=debug-scaling --sweep optimizer.lr=1e-4,3e-4,1e-3 ");
  CHECK(refused.exit == 5);
  CHECK(refused.err.find("queue 'debug-scaling' takes 1 job of yours, and the 3 members of the sweep are a job each\n") !=
        std::string::npos);
  CHECK_FALSE(std::filesystem::exists(shell.path("outputs")));
}

TEST_CASE("what is wrong with a sweep is told of the member, and nothing is written") {
  const CommandLine shell;
  const Outcome bad = on_polaris(shell, kSubmitKing + "--set run.name=lrs --sweep optimizer.lr=1e-4,fast,slow");
  CHECK(bad.exit == 3);
  CHECK(bad.err.find("'fast' is not a number") != std::string::npos);
  CHECK(bad.err.find("in member 'lr=slow' of the sweep") != std::string::npos);
  CHECK(on_polaris(shell, kSubmitKing + "--sweep job.nodes=1,2").err.find("cannot sweep 'job.nodes'") != std::string::npos);
  CHECK(on_polaris(shell, kSweep + "--set job.array=0-7").err.find("job.array '0-7' is no choice of 2 members") != std::string::npos);
  CHECK(on_polaris(shell, kSweep + "--set run.name=").err.find("--set run.name=lr-sweep") != std::string::npos);
  CHECK(on_polaris(shell, kSubmitKing + "--set job.array=0-7").err.find("there is none") != std::string::npos);
  CHECK(on_polaris(shell, kSweep + "--sweep optimizer.lr=1e-4,1e-4").exit == 2);
  CHECK_FALSE(std::filesystem::exists(shell.path("outputs")));
}

TEST_CASE("job.depends on a member of a sweep: PBS lets nobody wait for one, so it is told before, unless that member has ended") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSweep).exit == 0);
  const std::string queen = kSubmitKing + "--set run.name=queen ";
  CHECK(on_polaris(shell, "qsub -W depend=afterok:1[0] outputs/lrs/job.sh").exit == 2);  // what would have come of it
  for (const char* member : {"lrs/lr=1e-4", "lr=1e-4", "afterany:1[0]", "1[0].polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"}) {
    CAPTURE(member);
    for (const char* more : {"", "--dry-run"}) {
      const Outcome refused = on_polaris(shell, queen + "--set 'job.depends=[\"" + member + "\"]' " + more);
      CHECK(refused.exit == 5);
      CHECK(refused.err.find(": no job can wait for 1[0]") != std::string::npos);
      CHECK(refused.err.find("PBS lets a job wait for a whole array, and for no element of it") != std::string::npos);
      CHECK(refused.err.find("1[] waits for all of them") != std::string::npos);
    }
  }
  CHECK_FALSE(std::filesystem::exists(shell.path("outputs/queen")));

  REQUIRE(on_polaris(shell, queen + "--set 'job.depends=[\"afterok:1[]\"]'").exit == 0);
  CHECK(shell.read("outputs/queen/job.sh").find("#PBS -W depend=afterok:" + full_id("1[]") + "\n") != std::string::npos);
  REQUIRE(on_polaris(shell, "llmrun cancel lrs/lr=1e-4").exit == 0);
  const Outcome met = on_polaris(shell, kSubmitKing + "--set run.name=rook --set job.depends=[afternotok:lrs/lr=1e-4]");
  CHECK_MESSAGE(met.exit == 0, met.err);
  CHECK(shell.read("outputs/rook/job.sh").find("depend") == std::string::npos);
}

TEST_CASE("a sweep waits for what is open, and not for what is met") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSubmitKing).exit == 0);
  REQUIRE(on_polaris(shell, kSubmitKing + "--set run.name=queen").exit == 0);
  REQUIRE(on_polaris(shell, "llmrun cancel king").exit == 0);
  REQUIRE(on_polaris(shell, kSweep + "--set job.depends=[afternotok:king,afterany:queen]").exit == 0);
  CHECK(shell.read("outputs/lrs/job.sh").find("#PBS -W depend=afterany:" + full_id("2") + "\n") != std::string::npos);
}
