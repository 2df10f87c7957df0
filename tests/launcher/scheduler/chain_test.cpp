#include "launcher/scheduler/chain.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/core/json.h"
#include "engine/core/run_paths.h"
#include "launcher/scheduler/cancel_run.h"
#include "launcher/scheduler/dependency_text.h"
#include "tests/launcher/scheduler/fake_pbs.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

constexpr std::time_t kNow = 1'796'000'000;

/// A run whose first job a person queued, with the job.sh that all of its jobs run.
struct Run {
  explicit Run(const FakePbs& server) : server(server) {
    std::filesystem::create_directories(dir());
    std::filesystem::copy_file(server.script("debug"), paths().job_script());
    first = queue_job(run(), {}, "", *server.pbs, std::time(nullptr)).id;
  }
  std::filesystem::path dir() const { return server.home.path() / "king"; }
  RunPaths paths() const { return RunPaths(dir()); }
  RunOfJob run() const { return {"king", dir(), server.home.path() / "jobs.jsonl"}; }
  ChainJob job(const std::string& id, int64_t most = 0) const { return {run(), id, "pbs", most}; }
  void save(int64_t step) const { std::filesystem::create_directories(paths().checkpoints() / fmt::format("step-{:08}", step)); }
  JobHistory history() const { return read_job_history(paths().events()); }
  /// One attempt in the job `id`.
  ChainEnd attempt(const std::string& id, int exit_code, int64_t step, int64_t most = 0) const {
    begin_link(job(id, most), std::time(nullptr));
    if (step > 0) save(step);
    return end_link(job(id, most), exit_code, std::nullopt, *server.pbs, std::time(nullptr));
  }

  const FakePbs& server;
  std::string first;
};

/// A PBS that dies, with the process that asks it, before or behind the server's part in submit().
class Mortal final : public Scheduler {
 public:
  Mortal(Scheduler& real, bool before) : real_(real), before_(before) {}
  std::string_view name() const override { return real_.name(); }
  std::string submit(const Submission& submission) override {
    if (!before_) real_.submit(submission);
    ::kill(::getpid(), SIGKILL);
    return {};
  }
  std::string find(const std::filesystem::path& directory, int64_t since, const std::vector<std::string>& known) override {
    return real_.find(directory, since, known);
  }
  std::map<std::string, Job> status(const std::vector<std::string>& ids) override { return real_.status(ids); }
  void hand_over(const std::string& from, const std::string& to) override { real_.hand_over(from, to); }
  void cancel(const std::string& id) override { real_.cancel(id); }

 private:
  Scheduler& real_;
  bool before_;
};

/// A scheduler that says this of the job that asks about itself.
class Teller final : public Scheduler {
 public:
  Teller(Scheduler& real, Job self) : real_(real), self_(std::move(self)) {}
  std::string_view name() const override { return real_.name(); }
  std::string submit(const Submission& submission) override { return real_.submit(submission); }
  std::string find(const std::filesystem::path& directory, int64_t since, const std::vector<std::string>& known) override {
    return real_.find(directory, since, known);
  }
  std::map<std::string, Job> status(const std::vector<std::string>&) override { return {{self_.id, self_}}; }
  void hand_over(const std::string& from, const std::string& to) override { real_.hand_over(from, to); }
  void cancel(const std::string& id) override { real_.cancel(id); }

 private:
  Scheduler& real_;
  Job self_;
};

/// `work` in a process of its own, which must be killed.
template <typename Work>
void killed_in(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
}

}  // namespace

TEST_CASE("which exit codes another job follows, as the contract between launcher, trainer and chain says") {
  struct Row {
    int code;
    bool near_walltime;
    Continuation want;
  };
  const Row rows[] = {{0, true, Continuation::stop},    {75, false, Continuation::next},  {1, false, Continuation::next},
                      {124, false, Continuation::next}, {137, false, Continuation::next}, {139, false, Continuation::next},
                      {2, true, Continuation::stop},    {3, true, Continuation::stop},    {4, true, Continuation::stop},
                      {5, true, Continuation::stop},    {6, true, Continuation::stop},    {93, true, Continuation::stop},
                      {97, true, Continuation::stop},   {98, true, Continuation::stop},   {130, true, Continuation::stop},
                      {143, true, Continuation::next},  {143, false, Continuation::stop}};
  for (const Row& row : rows) {
    CAPTURE(row.code);
    CAPTURE(row.near_walltime);
    CHECK(continuation({row.code, row.near_walltime, false, 1, 0}, 0) == row.want);
  }
  CHECK(continuation({143, false, true, 1, 0}, 0) == Continuation::next);  // preempted
  CHECK(continuation({75, true, false, 0, 4}, 5) == Continuation::next);
  CHECK(continuation({75, true, false, 0, 5}, 5) == Continuation::used_up);
  CHECK(continuation({1, false, false, 3, 2}, 0) == Continuation::no_progress);
  CHECK(continuation({97, false, false, 3, 2}, 0) == Continuation::stop);  // its own reason is the better one
}

TEST_CASE("T1: a job that stopped before its walltime queues the next one, which waits for it, and no job queues two") {
  const FakePbs server;
  const Run run(server);
  const ChainEnd end = run.attempt(run.first, 75, 10);
  CHECK(end.continuation == Continuation::next);
  CHECK(server.job(end.next).at("depend") == "afterany:" + run.first + "@polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov");
  CHECK(read_jobs(run.run().list).back().id == end.next);
  // PBS starts the first job again, as after the loss of its head node: whatever becomes of it, its successor is there already.
  CHECK(run.attempt(run.first, 75, 20).continuation == Continuation::stop);
  CHECK(server.jobs() == 2);
}

TEST_CASE("jobs that wait for the end of a run of several jobs wait for the last of them, and for whatever else they waited for") {
  const FakePbs server;
  const Run run(server);
  const auto waiting = [&](const std::string& depends) {
    return server.pbs->submit({.script = server.script("debug", "#PBS -A datascience\n#PBS -W depend=" + depends + "\n")});
  };
  const std::string other = server.pbs->submit({.script = server.script("debug"), .held = true});
  const std::string both = waiting("afterany:" + run.first + ",afternotok:" + other);
  const std::string behind = waiting("afterok:" + both);
  const std::string host = "@polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov";
  const ChainEnd end = run.attempt(run.first, 75, 10);
  CHECK_FALSE(end.trouble.has_value());
  CHECK(server.job(both).at("depend") == "afterany:" + end.next + host + ",afternotok:" + other + host + ",beforeok:" + behind + host);
  CHECK(server.job(behind).at("depend") == "afterok:" + both + host);
  // Whoever was killed before it told them does so when its job is started again, and telling them twice does no harm.
  CHECK(run.attempt(run.first, 75, 20).continuation == Continuation::stop);
  CHECK(server.job(both).at("depend").get<std::string>().starts_with("afterany:" + end.next));

  server.replace("qalter", "echo \"qalter: Unauthorized Request  $3\" >&2; exit 159");
  const ChainEnd refused = run.attempt(end.next, 75, 30);
  CHECK(refused.continuation == Continuation::next);
  REQUIRE(refused.trouble.has_value());
  CHECK(refused.trouble->what.starts_with("jobs that depend on " + end.next + " could not be told to wait for " + refused.next));
}

TEST_CASE("PBS deletes what waits for the outcome of a job, also where qalter made it wait for another: the end of the job says so") {
  const FakePbs server;
  const Run run(server);
  const std::string after =
      server.pbs->submit({.script = server.script("debug", "#PBS -A datascience\n#PBS -W depend=afterok:" + run.first + "\n")});
  const ChainEnd end = run.attempt(run.first, 75, 10);
  CHECK(end.continuation == Continuation::next);
  REQUIRE(end.trouble.has_value());
  CHECK(end.trouble->what.find(after + " ended with " + run.first + ": PBS deletes") != std::string::npos);
}

TEST_CASE("a dependency is handed over by its id alone, wherever a scheduler writes it") {
  const auto changed = [](std::string_view depends, std::string_view from, std::string_view to) {
    const auto change = handed_over(depends, from, to);
    return change ? change->kind + " " + change->depends : "";
  };
  CHECK(changed("afterok:97.s@s", "97.s", "99.s") == "afterok afterok:99.s@s");
  CHECK(changed("beforeok:97.s@s,afterany:96.s@s:97.s@s", "97.s", "99.s") == "afterany afterany:96.s@s:99.s@s");
  CHECK(changed("afterok:97(unfulfilled),afterany:98_*(failed)", "97", "99") == "afterok afterok:99,afterany:98_*");
  CHECK(changed("afterok:96+5(unfulfilled)?afterok:97(unfulfilled)", "97", "99") == "afterok afterok:96+5?afterok:99");
  CHECK(changed("singleton(unfulfilled),afternotok:97+5", "97", "99") == "afternotok singleton,afternotok:99+5");
  CHECK(changed("beforeok:97.s@s", "97.s", "99.s").empty());
  CHECK(changed("afterok:970(unfulfilled)", "97", "99").empty());
  CHECK(changed("", "97", "99").empty());
}

TEST_CASE("T4: three jobs without a new checkpoint end the chain, and one that was started twice counts once") {
  const FakePbs server;
  const Run run(server);
  begin_link(run.job(run.first), kNow);  // lost with its node; PBS starts the job again
  const ChainEnd second = run.attempt(run.first, 137, 0);
  REQUIRE(second.continuation == Continuation::next);
  const ChainEnd third = run.attempt(second.next, 1, 0);
  REQUIRE(third.continuation == Continuation::next);
  CHECK(run.attempt(third.next, 1, 0).continuation == Continuation::no_progress);
  CHECK(server.jobs() == 3);
  CHECK(slurp(run.paths().events()).find(R"("event":"chain_ended")") != std::string::npos);
  CHECK(slurp(run.paths().events()).find(R"("reason":"no_progress","exit":93)") != std::string::npos);
}

TEST_CASE("T4: a new checkpoint sets the count back, and so does a person who queues the run again") {
  const FakePbs server;
  const Run run(server);
  std::string job = run.first;
  for (const int64_t step : {0, 0, 5, 0, 0}) {  // none, none, 5, none, none
    const ChainEnd end = run.attempt(job, 1, step);
    REQUIRE(end.continuation == Continuation::next);
    job = end.next;
  }
  const std::string again = queue_job(run.run(), run.history(), "", *server.pbs, kNow).id;
  CHECK(run.attempt(again, 1, 0).continuation == Continuation::next);
}

TEST_CASE(
    "a job of a chain that is preempted queues no other one: its scheduler starts it again, which counts once, and the chain goes on") {
  const FakePbs server;
  const Run run(server);
  CHECK(run.attempt(run.first, 143, 10).continuation == Continuation::stop);  // SIGTERM, long before the walltime
  CHECK(server.jobs() == 1);
  CHECK(run.attempt(run.first, 143, 10).continuation == Continuation::stop);
  CHECK(run.attempt(run.first, 75, 20).continuation == Continuation::next);
  CHECK(server.jobs() == 2);
}

TEST_CASE("a job whose nodes its scheduler takes queues the next one, unless it was put back already, or nobody says so") {
  struct Row {
    bool preempted;
    int runs;
    Continuation want;
  };
  for (const Row& row : {Row{true, 1, Continuation::next}, {true, 2, Continuation::stop}, {false, 1, Continuation::stop}}) {
    const FakePbs server;
    const Run run(server);
    begin_link(run.job(run.first), kNow);
    run.save(1);
    Teller slurm(*server.pbs, {.id = run.first, .phase = JobPhase::running, .runs = row.runs, .preempted = row.preempted});
    CHECK(end_link(run.job(run.first), 143, std::nullopt, slurm, std::time(nullptr)).continuation == row.want);
  }
  const FakePbs server;
  const Run run(server);
  begin_link(run.job(run.first), kNow);
  server.fault("down");
  const ChainEnd end = end_link(run.job(run.first), 143, std::nullopt, *server.pbs, kNow);
  CHECK(end.continuation == Continuation::stop);
  CHECK_FALSE(end.trouble.has_value());
}

TEST_CASE("a chain of two queues two more jobs and no third") {
  const FakePbs server;
  const Run run(server);
  const ChainEnd first = run.attempt(run.first, 75, 1, 2);
  const ChainEnd second = run.attempt(first.next, 75, 2, 2);
  REQUIRE(second.continuation == Continuation::next);
  CHECK(run.attempt(second.next, 75, 3, 2).continuation == Continuation::used_up);
  CHECK(server.jobs() == 3);
}

TEST_CASE("T1: whoever is killed while it queues the next job, the job is there once when the dead one's job is started again") {
  for (const bool before : {true, false}) {
    CAPTURE(before);
    const FakePbs server;
    const Run run(server);
    Mortal mortal(*server.pbs, before);
    begin_link(run.job(run.first), kNow);
    run.save(1);
    killed_in([&] { end_link(run.job(run.first), 75, std::nullopt, mortal, std::time(nullptr)); });
    CHECK(server.jobs() == (before ? 1 : 2));
    REQUIRE(run.history().doubt.has_value());

    run.attempt(run.first, 75, 2);
    CHECK(server.jobs() == 2);
    CHECK_FALSE(run.history().successor(run.first).empty());
    CHECK_FALSE(run.history().doubt.has_value());
  }
}

TEST_CASE("T1: a job whose queuer died knows itself, and a person's submit finds it") {
  const FakePbs server;
  const Run run(server);
  Mortal mortal(*server.pbs, /*before=*/false);
  begin_link(run.job(run.first), kNow);
  killed_in([&] { end_link(run.job(run.first), 75, std::nullopt, mortal, std::time(nullptr)); });
  SUBCASE("it starts") {
    const ChainEnd end = run.attempt("2.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov", 75, 3, 1);
    CHECK(end.continuation == Continuation::used_up);  // it counts as the one that the chain may queue
    CHECK_FALSE(run.history().successor(run.first).empty());
  }
  SUBCASE("a person submits") {
    const JobHistory history = settled_history(run.run(), *server.pbs, std::time(nullptr));
    CHECK_THROWS_WITH_AS(refuse_a_second(run.run(), history, *server.pbs), doctest::Contains("of run 'king' is"), Error);
    CHECK(history.jobs.size() == 2);
  }
  CHECK(server.jobs() == 2);
}

TEST_CASE("Q1: a qsub that is killed before or behind the server's part leaves one job in the end") {
  for (const std::string what : {"kill -9 $$", "\"$REAL\" \"$@\" > /dev/null; kill -9 $$"}) {
    CAPTURE(what);
    const FakePbs server;
    const Run run(server);
    server.replace("qsub", what);
    ChainEnd end = run.attempt(run.first, 75, 1);
    server.restore("qsub");
    if (end.trouble) end = run.attempt(run.first, 75, 2);  // the job is started again
    CHECK(server.jobs() == 2);
    CHECK_FALSE(run.history().successor(run.first).empty());
  }
}

TEST_CASE("a node without qsub, or without a server, keeps the run's own end and says what to type where there is one") {
  const FakePbs server;
  const Run run(server);
  server.fault("down");
  const ChainEnd end = run.attempt(run.first, 75, 1);
  REQUIRE(end.trouble.has_value());
  CHECK(end.continuation == Continuation::stop);
  CHECK(end.trouble->what.starts_with("the next job could not be queued: "));
  CHECK(end.trouble->hint.starts_with("on a login node: llmrun submit "));
}

TEST_CASE("a run that was cancelled queues no further job, and a job that slipped through does not begin") {
  const FakePbs server;
  const Run run(server);
  SUBCASE("before the attempt ended") {
    begin_link(run.job(run.first), kNow);
    note_cancelled(run.paths().events(), kNow);
    CHECK(end_link(run.job(run.first), 75, std::nullopt, *server.pbs, kNow).continuation == Continuation::stop);
    CHECK(server.jobs() == 1);
  }
  SUBCASE("behind the attempt") {
    const ChainEnd end = run.attempt(run.first, 75, 1);
    note_cancelled(run.paths().events(), kNow);
    CHECK_THROWS_WITH_AS(begin_link(run.job(end.next), kNow), "run 'king' was cancelled", Error);
  }
  SUBCASE("and a person queued it again") {
    note_cancelled(run.paths().events(), kNow);
    const std::string again = queue_job(run.run(), run.history(), "", *server.pbs, kNow).id;
    CHECK(run.attempt(again, 75, 1).continuation == Continuation::next);
  }
  SUBCASE("and a person queued job.sh by hand") {
    note_cancelled(run.paths().events(), kNow);
    const std::string by_hand = server.pbs->submit({.script = run.paths().job_script()});
    CHECK(run.attempt(by_hand, 75, 1).continuation == Continuation::next);
  }
}

TEST_CASE("a cancel takes the job, its successor, and the one whose queuer was killed; a job of the past is left alone") {
  const FakePbs server;
  const Run run(server);
  SUBCASE("its successor") {
    run.attempt(run.first, 75, 1);
    cancel_run(read_jobs(run.run().list).back(), *server.pbs, kNow);
    CHECK(run.history().cancelled);
  }
  SUBCASE("one that nobody wrote down") {
    Mortal mortal(*server.pbs, /*before=*/false);
    begin_link(run.job(run.first), kNow);
    killed_in([&] { end_link(run.job(run.first), 75, std::nullopt, mortal, std::time(nullptr)); });
    cancel_run(read_jobs(run.run().list).back(), *server.pbs, kNow);
  }
  for (const json& job : server.state()) CHECK(job.at("job_state") == "F");
  CHECK(server.jobs() == 2);

  const std::string again = queue_job(run.run(), run.history(), "", *server.pbs, kNow).id;
  cancel_run(read_jobs(run.run().list).front(), *server.pbs, kNow);  // the first one of all: it has ended
  CHECK(server.job(again).at("job_state") == "Q");
  CHECK_FALSE(run.history().cancelled);
}

TEST_CASE("only a job of a chain is one: by hand, or without the wish, nothing is queued") {
  Plan plan;
  plan.dir = "/runs/king";
  plan.config.machine.scheduler = "pbs";
  Variables in_job, by_hand;
  by_hand.set("PBS_JOBID", "7.server");
  in_job = by_hand;
  in_job.set("LLMRUN_STARTED_AT", "1");
  CHECK_FALSE(chain_job(plan, in_job).has_value());
  plan.config.job.chain = 2;
  CHECK(chain_job(plan, in_job)->id == "7.server");
  CHECK_FALSE(chain_job(plan, by_hand).has_value());
  in_job.remove("PBS_JOBID");
  CHECK_FALSE(chain_job(plan, in_job).has_value());
  const Variables element({{"SLURM_JOB_ID", "12"}, {"SLURM_ARRAY_JOB_ID", "10"}, {"SLURM_ARRAY_TASK_ID", "2"}, {"LLMRUN_STARTED_AT", "1"}});
  CHECK(chain_job(plan, element)->id == "10_2");
  CHECK(chain_job(plan, element)->starts == 1);
  Variables again = element;
  again.set("SLURM_RESTART_COUNT", "2");
  CHECK(chain_job(plan, again)->starts == 3);
}
