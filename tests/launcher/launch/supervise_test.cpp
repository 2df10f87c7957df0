#include "launcher/launch/supervise.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "engine/core/file.h"
#include "launcher/launch/run_attempt.h"
#include "launcher/process/sibling.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

Variables environment(const std::string& behaviour) {
  Variables variables = Variables::of_this_process();
  variables.set("FAKE_RANK", behaviour);
  variables.set("HF_TOKEN", "canary-4711");
  return variables;
}

Plan plan_of(const std::string& dir, int64_t ranks) {
  Plan plan;
  plan.name = "x";
  plan.dir = dir;
  plan.layout.data = ranks;
  plan.hosts = {{"here", ranks}};
  plan.ranks_per_node = ranks;
  plan.steps = 3;
  plan.config.model = {.layers = 2, .hidden = 8, .heads = 2, .vocab = 16};
  plan.model = model_shape(plan.config.model, 16);
  return plan;
}

/// One attempt of stand-in ranks under a launcher, in a run directory of its own.
struct Trial {
  TemporaryDirectory directory;
  std::string shown;
  AttemptOutcome outcome;

  Trial(std::shared_ptr<Launcher> launcher, const std::string& behaviour, int64_t ranks = 2, Patience patience = {}) {
    const Plan plan = plan_of(directory / "outputs/x", ranks);
    RunDir run(plan.dir);
    std::string warning;
    const Attempt attempt = run.begin_attempt("all.log", ranks, 0, warning);
    Prepared prepared = prepare(plan, std::move(launcher), LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank", 2, environment(behaviour),
                                {attempt.number, attempt.id});
    write_run_files(run, plan, prepared, environment(behaviour));
    ConsoleStyle screen;
    screen.write = [this](std::string_view text) { shown += text; };
    screen.harmless = [](std::string_view text) { return std::string(text); };
    outcome = run_attempt(run, plan, attempt, prepared, std::move(screen), patience);
  }
  RunPaths paths() const { return RunPaths(directory / "outputs/x"); }
  std::string told() const { return outcome.failure ? failure_error(*outcome.failure, paths()).what() : "nothing"; }
};

std::vector<std::shared_ptr<Launcher>> both_launchers() { return {make_local(), make_openmpi()}; }

bool alive(const fs::path& pid_file) {
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  return pid > 0 && ::kill(pid, 0) == 0;
}

}  // namespace

TEST_CASE("ranks that do their work end the attempt with 0, and everything is written down") {
  for (const auto& launcher : both_launchers()) {
    CAPTURE(launcher->name());
    const Trial trial(launcher, "steps=3");
    CHECK(trial.outcome.exit_code == 0);
    CHECK(!trial.outcome.failure);
    CHECK(trial.shown.find("step 3/3") != std::string::npos);
    const std::string log = read_file(trial.paths().logs() / "all.log");
    for (const char* line : {"rank 0 is done\n", "rank 1 is done\n", "step 3/3"}) CHECK(log.find(line) != std::string::npos);
    const RunRecord record = read_record(trial.paths().record());
    CHECK(record.attempts.at(0).exit == 0);
    CHECK(record.finished(3));
    CHECK(fs::exists(trial.paths().rank_log(1, 1)));
    CHECK(read_plan(trial.paths().plan()).ranks() == 2);
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(trial.directory.path()))
      if (entry.is_regular_file()) CHECK_MESSAGE(read_file(entry.path()).find("canary-4711") == std::string::npos, entry.path());
  }
}

TEST_CASE("K1, K2: a rank that a signal kills is named with its last lines, the others go, and the code is 128 + n") {
  for (const auto& launcher : both_launchers())
    for (const int number : {SIGKILL, SIGSEGV}) {
      CAPTURE(launcher->name());
      const Trial trial(launcher, fmt::format("die=1,{}", number));
      CHECK(trial.outcome.exit_code == 128 + number);
      REQUIRE(trial.outcome.failure);
      CHECK(trial.outcome.failure->rank == 1);
      CHECK(trial.outcome.failure->last_lines.back() == "step 1 and no more");
      CHECK(trial.told().find(fmt::format("was killed by signal {} (SIG", number)) != std::string::npos);
      CHECK(!alive(trial.paths().attempt(1) / "waiting-0"));
      for (const char* chatter : {"----", "Primary job", "mpirun", "non-zero"}) CHECK(trial.shown.find(chatter) == std::string::npos);
      if (launcher->name() == "openmpi") CHECK(read_file(trial.paths().logs() / "all.log").find("exited on signal") != std::string::npos);
      CHECK(read_record(trial.paths().record()).attempts.at(0).exit == 128 + number);
    }
}

TEST_CASE("a rank that fails in an orderly way is quoted, and its code is the run's") {
  for (const auto& launcher : both_launchers()) {
    CAPTURE(launcher->name());
    const Trial trial(launcher, "fail=1,97");
    CHECK(trial.outcome.exit_code == 97);
    CHECK(trial.told() == "rank 1 on here (in data): cannot read 'x.bin'");
    REQUIRE(trial.outcome.failure);
    CHECK(failure_error(*trial.outcome.failure, trial.paths()).complaints()[0].hint.starts_with("ls -l x.bin"));
    CHECK(!alive(trial.paths().attempt(1) / "waiting-0"));
  }
}

TEST_CASE("a rank that cannot write its report, as on a full disk, is quoted all the same") {
  for (const auto& launcher : both_launchers()) {
    CAPTURE(launcher->name());
    const Trial trial(launcher, "mute=1,97");
    CHECK(trial.outcome.exit_code == 97);
    CHECK(trial.told() == "rank 1 on here (in data): cannot read 'x.bin'");
    CHECK(trial.shown.find("error report") == std::string::npos);
    CHECK(!alive(trial.paths().attempt(1) / "waiting-0"));
  }
}

TEST_CASE("the earliest error is the cause, and a signal beats what others say of it") {
  TemporaryDirectory directory;
  const RunPaths paths(directory.path());
  fs::create_directories(paths.attempt(1));
  const Plan plan = plan_of(directory.path(), 4);
  const auto report = [&](int rank, double time) {
    write_file_atomically(paths.rank_error(1, rank),
                          json{{"rank", rank}, {"host", "h"}, {"code", 1}, {"what", "lost a peer"}, {"time", time}}.dump());
  };
  report(3, 100.5);
  report(2, 100.25);
  write_file_atomically(paths.rank_error(1, 0), "{\"rank\": 0, \"ti");  // torn
  CHECK(any_error_file(paths, 1));
  CHECK(find_failure(paths, 1, plan, {.exit_code = 1}).rank == 2);
  CHECK(find_failure(paths, 1, plan, {.exit_code = 137, .death = RankDeath{1, "h", SIGKILL, 0}}).rank == 1);
  CHECK(find_failure(paths, 1, plan, {.exit_code = 143, .death = RankDeath{1, "h", SIGTERM, 0}}).rank == 2);
  CHECK(find_failure(paths, 2, plan, {.exit_code = 7}).what == "exited with code 7");
  CHECK(find_failure(paths, 2, plan, {.exit_code = 137, .death = RankDeath{3, "", SIGKILL, 0}}).host == "here");
}

TEST_CASE("K3: asked once, ranks may save; asked twice, or deaf, they are ended") {
  struct Row {
    const char* behaviour;
    int signals;
    bool saved;
  };
  for (const auto& launcher : both_launchers())
    for (const Row& row :
         std::initializer_list<Row>{{"wait", 1, false}, {"saves=0.2", 1, true}, {"saves=60", 2, false}, {"stubborn", 1, false}}) {
      CAPTURE(launcher->name());
      CAPTURE(row.behaviour);
      TemporaryDirectory directory;
      const Plan plan = plan_of(directory / "outputs/x", 2);
      const RunPaths paths(plan.dir);
      // The signals come from a child that waits until both ranks run.
      const pid_t parent = ::getpid();
      const pid_t sender = ::fork();
      if (sender == 0) {
        while (!fs::exists(paths.attempt(1) / "waiting-0") || !fs::exists(paths.attempt(1) / "waiting-1")) ::usleep(10'000);
        for (int i = 0; i < row.signals; ++i) {
          ::kill(parent, SIGINT);
          ::usleep(200'000);
        }
        ::_exit(0);
      }
      RunDir run(plan.dir);
      std::string warning;
      const Attempt attempt = run.begin_attempt("all.log", 2, 0, warning);
      Prepared prepared = prepare(plan, launcher, LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank", 2, environment(row.behaviour),
                                  {attempt.number, attempt.id});
      write_run_files(run, plan, prepared, environment(row.behaviour));
      ConsoleStyle screen;
      screen.write = [](std::string_view) {};
      screen.harmless = [](std::string_view text) { return std::string(text); };
      const Patience patience{.after_stop = milliseconds(1500), .after_terminate = milliseconds(500)};
      const AttemptOutcome outcome = run_attempt(run, plan, attempt, prepared, std::move(screen), patience);
      ::waitpid(sender, nullptr, 0);
      CHECK(outcome.exit_code == 130);
      CHECK(fs::exists(paths.attempt(1) / "saved-1") == row.saved);
      for (const char* rank : {"waiting-0", "waiting-1"}) CHECK(!alive(paths.attempt(1) / rank));
    }
}

TEST_CASE("K3: a launcher that is killed leaves no rank behind") {
  TemporaryDirectory directory;
  const std::string pids = directory / "pids";
  // A launcher that starts a rank in a session of its own and is killed, as a killed mpirun leaves its ranks.
  Supervision supervision;
  supervision.processes = {
      {{"sh", "-c",
        "setsid sh -c 'echo $$ > " + pids + "; exec sleep 1000' & while [ ! -s " + pids + " ]; do sleep 0.01; done; kill -9 $$"},
       Variables::of_this_process()}};
  const auto launcher = make_openmpi();
  supervision.launcher = launcher.get();
  CHECK(supervise(supervision).exit_code == 137);
  CHECK(!alive(pids));
}

TEST_CASE("the launch script starts the same ranks by hand") {
  for (const auto& launcher : both_launchers()) {
    CAPTURE(launcher->name());
    TemporaryDirectory directory;
    const Plan plan = plan_of(directory / "outputs/x y", 2);
    fs::create_directories(RunPaths(plan.dir).attempt(1));
    RunDir run(plan.dir);
    const Prepared prepared = prepare(plan, launcher, LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank", 2, environment("steps=2"));
    write_run_files(run, plan, prepared, environment("steps=2"));
    const auto said = capture({{run.paths().launch_script().string()}, environment("steps=2")}, milliseconds(60'000));
    REQUIRE(said);
    for (const char* line : {"rank 0 is done\n", "rank 1 is done\n"}) CHECK(said->find(line) != std::string::npos);
    const auto bad = capture({{run.paths().launch_script().string()}, environment("fail=1,5")}, milliseconds(60'000));
    CHECK(!bad);  // its exit code is that of the rank
  }
}

TEST_CASE("the local launcher tells each rank who it is and removes what another launch left") {
  Variables stale({{"PATH", "/usr/bin:/bin"}, {"RANK", "7"}, {"MASTER_ADDR", "elsewhere"}});
  Plan plan = plan_of("/runs/x", 2);
  const Prepared prepared = prepare(plan, make_local(), "/bin/llmrun-rank", 2, stale);
  REQUIRE(prepared.processes.size() == 2);
  const Variables& second = prepared.processes[1].environment;
  CHECK(second.get("RANK") == "1");
  CHECK(second.get("WORLD_SIZE") == "2");
  CHECK(second.get("LLMRUN_LAUNCHER") == "local");
  CHECK(!second.get("MASTER_ADDR"));
  plan.communicator = CommunicatorKind::thread;
  CHECK(prepare(plan, make_local(), "/bin/llmrun-rank", 2, stale).processes.size() == 1);
}

TEST_CASE("a single process needs no launcher; several hosts do") {
  Variables bare;
  bare.set("PATH", "/nowhere");
  Plan plan = plan_of("/runs/x", 1);
  plan.config.machine.launcher = "openmpi";
  CHECK(choose_launcher(plan, bare, "here")->name() == "local");
  plan.layout.data = 2;
  CHECK(choose_launcher(plan, bare, "here")->name() == "openmpi");
  plan.config.machine.launcher = "";
  CHECK(choose_launcher(plan, bare, "here")->name() == "local");
  plan.hosts = {{"n1", 1}, {"n2", 1}};
  CHECK_THROWS_AS(choose_launcher(plan, bare, "here"), Error);
}

}  // namespace llmrun
