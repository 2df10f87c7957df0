#include "launcher/launch/supervise.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "engine/core/file.h"
#include "engine/core/silent_peer.h"
#include "launcher/launch/run_attempt.h"
#include "launcher/process/sibling.h"
#include "launcher/render/shell.h"
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

/// Of stand-in ranks on this machine.
Launch launch_here(const Plan& plan) { return launch_of(plan, LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank", 2, "here"); }

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
    Prepared prepared = prepare(launch_here(plan), std::move(launcher), environment(behaviour), {attempt.number, attempt.id});
    write_run_files(run, plan, prepared, environment(behaviour));
    ConsoleStyle screen;
    screen.write = [this](std::string_view text) { shown += text; };
    screen.harmless = [](std::string_view text) { return std::string(text); };
    outcome = run_attempt(run, launch_here(plan), attempt, prepared, std::move(screen), steps_of(plan), patience);
  }
  RunPaths paths() const { return RunPaths(directory / "outputs/x"); }
  std::string told() const { return outcome.failure ? failure_error(*outcome.failure, "").what() : "nothing"; }
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
    for (const int number : {SIGKILL, SIGSEGV, SIGABRT}) {
      CAPTURE(launcher->name());
      const Trial trial(launcher, fmt::format("die=1,{}", number));
      CHECK(trial.outcome.exit_code == 128 + number);
      REQUIRE(trial.outcome.failure);
      CHECK(trial.outcome.failure->rank == 1);
      CHECK(trial.outcome.failure->hint.empty() == (number == SIGSEGV));
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
    CHECK(failure_error(*trial.outcome.failure, "and then").complaints()[0].hint == "ls -l x.bin");
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
  const Launch launch = launch_here(plan_of(directory.path(), 4));
  const auto report = [&](int rank, double time, int code = 1, bool of_another_rank = false) {
    const json said{{"rank", rank}, {"host", "h"}, {"code", code}, {"what", "lost a peer"}, {"of_another_rank", of_another_rank},
                    {"time", time}};
    write_file_atomically(paths.rank_error(1, rank), said.dump());
  };
  report(0, 100, 1, /*of_another_rank=*/true);  // it was quicker to tell that another had failed
  CHECK(find_failure(paths, 1, launch, {.exit_code = 1, .death = RankDeath{1, "h", SIGABRT, 0}}).exit_code == 128 + SIGABRT);
  CHECK(find_failure(paths, 1, launch, {.exit_code = 1, .death = RankDeath{1, "h", SIGTERM, 0}}).rank == 0);
  report(3, 100.5);
  report(2, 100.25);
  write_file_atomically(paths.rank_error(1, 0), "{\"rank\": 0, \"ti");  // torn
  CHECK(any_error_file(paths, 1));
  CHECK(find_failure(paths, 1, launch, {.exit_code = 1}).rank == 2);
  CHECK(find_failure(paths, 1, launch, {.exit_code = 137, .death = RankDeath{1, "h", SIGKILL, 0}}).rank == 1);
  for (const int signal : {SIGTERM, SIGABRT})
    CHECK(find_failure(paths, 1, launch, {.exit_code = 1, .death = RankDeath{1, "h", signal, 0}}).rank == 2);
  report(1, 200, 128 + SIGKILL);  // its watcher was slower than those who missed it
  CHECK(find_failure(paths, 1, launch, {.exit_code = 1}).rank == 1);
  CHECK(find_failure(paths, 1, launch, {.exit_code = 9, .death = RankDeath{{}, "h", SIGKILL, 0}}).rank == 1);
  CHECK(find_failure(paths, 2, launch, {.exit_code = 9, .death = RankDeath{{}, "h", SIGKILL, 0}}).who == "a rank on h");
  CHECK(find_failure(paths, 2, launch, {.exit_code = 255}).exit_code == 5);  // mpirun reached no host
  CHECK(find_failure(paths, 2, launch, {.exit_code = 7}).what == "exited with code 7, and no rank wrote a line");
  CHECK(find_failure(paths, 2, launch, {.exit_code = 137, .death = RankDeath{3, "", SIGKILL, 0}}).host == "here");
}

TEST_CASE("ranks whose libraries do not load are told how to find out which; another program's 127 is its own") {
  const TemporaryDirectory at;
  Launch launch = launch_here(plan_of(at / "x", 2));
  const RunPaths paths(launch.dir);
  const std::string ldd = "ldd " LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank";
  CHECK(find_failure(paths, 1, launch, {.exit_code = 127}).hint.find(ldd) != std::string::npos);
  CHECK(find_failure(paths, 1, launch, {.exit_code = 127, .death = RankDeath{0, "here", 0, 127}}).hint.find(ldd) != std::string::npos);
  launch.trains = false;
  CHECK(find_failure(paths, 1, launch, {.exit_code = 127}).hint.empty());
}

TEST_CASE("K1: a rank that a signal killed is the first to die, though others that missed it were noticed before") {
  const auto death = [](const std::string& said) {
    Supervision supervision;
    const auto launcher = make_pals();
    supervision.launcher = launcher.get();
    supervision.processes = {{.argv = {"/bin/sh", "-c", said + " exit 137"}}};
    supervision.on_line = supervision.on_chatter = [](std::string_view) {};
    supervision.on_stop = [](int) {};
    supervision.on_tick = [] {};
    supervision.rank_reported_failure = [] { return false; };
    return supervise(supervision).death.value_or(RankDeath{});
  };
  const std::string missed = "echo h: rank 3 exited with code 1;", killed = "echo h: rank 2 died from signal 9;",
                    ended = "echo h: rank 0 died from signal 15;";
  CHECK(death(missed + killed + ended).rank == 2);
  CHECK(death(killed + missed).rank == 2);
  CHECK(death(missed + ended).rank == 3);
  CHECK(death(missed + "sleep 1.1;" + killed).rank == 3);  // by whoever ends the others
}

TEST_CASE("X1: of hosts that blame each other's silence, the one that most are silent of is named, of two not the launcher's own") {
  TemporaryDirectory directory;
  const RunPaths paths(directory.path());
  fs::create_directories(paths.attempt(1));
  Launch launch = launch_here(plan_of(directory.path(), 4));
  launch.hosts = {{"x1.site.gov", 2}, {"x2.site.gov", 2}};
  const auto report = [&](int rank, const std::string& host, const std::string& what, double time) {
    write_file_atomically(paths.rank_error(1, rank),
                          json{{"rank", rank}, {"host", host}, {"code", 1}, {"what", what}, {"time", time}}.dump());
  };
  report(2, "x2", "all_reduce: " + silent_peer("world rank 0 on x1", 14), 100.1);
  report(0, "x1", "all_reduce: " + silent_peer("world rank 2 on x2", 14), 100.3);
  CHECK(find_failure(paths, 1, launch, {.exit_code = 1}).rank == 0);
  report(3, "x3", silent_peer("world rank 0 on x1", 14), 100.2);  // and a third host lost the first one too
  CHECK(find_failure(paths, 1, launch, {.exit_code = 1}).rank == 2);
  report(1, "x1", "out of memory", 99);
  CHECK(find_failure(paths, 1, launch, {.exit_code = 1}).rank == 1);
  CHECK(silent_host_in("world rank 0 on x1 is gone: its connection ended") == std::nullopt);
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
      Prepared prepared = prepare(launch_here(plan), launcher, environment(row.behaviour), {attempt.number, attempt.id});
      write_run_files(run, plan, prepared, environment(row.behaviour));
      ConsoleStyle screen;
      screen.write = [](std::string_view) {};
      screen.harmless = [](std::string_view text) { return std::string(text); };
      const Patience patience{.after_stop = milliseconds(1500), .after_terminate = milliseconds(500)};
      const AttemptOutcome outcome = run_attempt(run, launch_here(plan), attempt, prepared, std::move(screen), steps_of(plan), patience);
      ::waitpid(sender, nullptr, 0);
      CHECK(outcome.exit_code == 130);
      CHECK(fs::exists(paths.attempt(1) / "saved-1") == row.saved);
      for (const char* rank : {"waiting-0", "waiting-1"}) CHECK(!alive(paths.attempt(1) / rank));
    }
}

TEST_CASE("a second signal ends at once what the first one asked to stop, or says nothing new") {
  for (const bool one_stop : {false, true}) {
    CAPTURE(one_stop);
    Supervision supervision;
    supervision.processes = {{{"sh", "-c", "trap 'sleep 0.5; echo saved; exit 0' TERM; echo ready; while :; do sleep 0.01; done"},
                              Variables::of_this_process()}};
    const auto launcher = make_local();
    supervision.launcher = launcher.get();
    supervision.one_stop = one_stop;
    bool saved = false;
    supervision.on_line = [&](std::string_view line) {
      if (line == "ready") ::kill(::getpid(), SIGUSR1);
      if (line == "saved") saved = true;
    };
    supervision.on_stop = [](int) { ::kill(::getpid(), SIGTERM); };
    CHECK(supervise(supervision).stopped_by == SIGUSR1);
    CHECK(saved == one_stop);
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
    const Prepared prepared = prepare(launch_here(plan), launcher, environment("steps=2"));
    write_run_files(run, plan, prepared, environment("steps=2"));
    const auto said = capture({{run.paths().launch_script().string()}, environment("steps=2")}, milliseconds(60'000));
    REQUIRE(said);
    for (const char* line : {"rank 0 is done\n", "rank 1 is done\n"}) CHECK(said->find(line) != std::string::npos);
    const auto bad = capture({{run.paths().launch_script().string()}, environment("fail=1,5")}, milliseconds(60'000));
    CHECK(!bad);  // its exit code is that of the rank
  }
}

TEST_CASE("the local launcher tells each rank who it is") {
  Plan plan = plan_of("/runs/x", 2);
  const Variables bare(std::map<std::string, std::string>{{"PATH", "/usr/bin:/bin"}});
  const Prepared prepared = prepare(launch_here(plan), make_local(), bare);
  REQUIRE(prepared.processes.size() == 2);
  const Variables& second = prepared.processes[1].environment;
  CHECK(second.get("RANK") == "1");
  CHECK(second.get("WORLD_SIZE") == "2");
  CHECK(second.get("LLMRUN_LAUNCHER") == "local");
  plan.communicator = CommunicatorKind::thread;
  CHECK(prepare(launch_here(plan), make_local(), bare).processes.size() == 1);
}

TEST_CASE("what another launch or job left in the shell reaches no launcher and no rank") {
  std::map<std::string, std::string> shell{
      {"PATH", "/usr/bin:/bin"}, {"PALS_PMI", "pmix"}, {"SLURM_JOB_ID", "7"}, {"LLMRUN_STARTED_AT", "1"}};
  for (const std::string& name : stale_identity_names()) shell[name] = "1";
  for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_PORT", "LLMRUN_STOP_AT", "LLMRUN_STARTED_AT", "OMPI_COMM_WORLD_RANK", "PMI_RANK",
                           "PMIX_RANK", "PMIX_NAMESPACE", "PALS_RANKID", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"})
    CHECK_MESSAGE(shell.contains(name), name);
  const Plan plan = plan_of("/runs/x", 2);
  for (const char* name : {"openmpi", "prrte", "pals", "hydra", "srun"}) {
    CAPTURE(name);
    const Prepared prepared = prepare(launch_here(plan), make_launcher(name), Variables(shell));
    const Variables& given = prepared.processes.at(0).environment;
    for (const std::string& stale : stale_identity_names())
      if (!stale.starts_with("LLMRUN_LAUNCHER") && !stale.starts_with("LLMRUN_ATTEMPT")) CHECK_MESSAGE(!given.get(stale), stale);
    CHECK(given.get("LLMRUN_LAUNCHER") == name);
    CHECK(given.get("PALS_PMI") == "pmix");  // a wish of the user's, not an identity
    CHECK(given.get("SLURM_JOB_ID") == "7");
  }
}

TEST_CASE("Open MPI keeps the domain of a host that the plan gives one, and is told nothing of names and addresses without") {
  Variables environment;
  environment.set("PATH", "/usr/bin:/bin");
  Plan plan = plan_of("/runs/x", 2);
  for (const auto& [host, keeps] :
       {std::pair{"node1.cluster.example", true}, {"node1", false}, {"10.0.0.7", false}, {"fd00::1.2.3.4", false}}) {
    CAPTURE(host);
    plan.hosts = {{"node0", 1}, {host, 1}};
    const std::string line = shell_line(prepare(launch_here(plan), make_openmpi(), environment).processes.at(0).argv);
    CHECK((line.find("--mca orte_keep_fqdn_hostnames 1") != std::string::npos) == keeps);
  }
}

TEST_CASE("a single process needs no launcher; other hosts do") {
  Variables bare;
  bare.set("PATH", "/nowhere");
  Plan plan = plan_of("/runs/x", 1);
  plan.config.machine.launcher = "openmpi";
  CHECK(choose_launcher(launch_here(plan), bare)->name() == "local");
  plan.hosts = {{"here", 2}};
  CHECK(choose_launcher(launch_here(plan), bare)->name() == "openmpi");
  plan.config.machine.launcher = "";
  CHECK(choose_launcher(launch_here(plan), bare)->name() == "local");
  plan.hosts = {{"elsewhere", 2}};
  CHECK_THROWS_AS(choose_launcher(launch_here(plan), bare), Error);
  plan.hosts = {{"n1", 1}, {"n2", 1}};
  CHECK_THROWS_AS(choose_launcher(launch_here(plan), bare), Error);
  plan.config.machine.launcher = "local";
  CHECK_THROWS_WITH_AS(choose_launcher(launch_here(plan), bare),
                       "machine.launcher local starts ranks on this machine only, and they belong on 2 hosts", Error);
}

}  // namespace llmrun
