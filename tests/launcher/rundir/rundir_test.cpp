#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "engine/core/file.h"
#include "launcher/process/subprocess.h"
#include "launcher/rundir/alcf_name.h"
#include "launcher/rundir/checkpoints.h"
#include "launcher/rundir/find_run.h"
#include "launcher/rundir/log_name.h"
#include "launcher/rundir/room.h"
#include "launcher/rundir/run_dir.h"
#include "launcher/rundir/saved_environment.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

/// The configuration of the run that the talk shows.
Config talk() {
  Config config;
  config.model.layers = 40;
  config.model.hidden = 5120;
  config.parallel.sequence = SequenceParallel::megatron;
  config.parallel.recompute = Recompute::full;
  config.parallel.zero = 1;
  config.train.seq_len = 1024;
  return config;
}

void make_run(const fs::path& root) {
  RunDir(root).describe(root.filename().string(), "0", Variables()), write_record(RunPaths(root).record(), {});
}

}  // namespace

TEST_CASE("a run's name is the one the ALCF scripts gave it") {
  const Layout layout{.tensor = 8};
  CHECK(alcf_name(talk(), layout, 1, "GPT13B", "") == "gpt_SP_actCkpt_GPT13B_z1_seqlen1024_mp8_pp1_sp1_nl40_hs5120_gb1_mb1");
  CHECK(alcf_name(talk(), layout, 1, "GPT13B", "v2") == "gpt_SP_actCkpt_flashAttn_v2_GPT13B_z1_seqlen1024_mp8_pp1_sp1_nl40_hs5120_gb1_mb1");
  Config config = talk();
  config.parallel.sequence = SequenceParallel::none;
  config.parallel.recompute = Recompute::none;
  config.model.family = Family::llama;
  CHECK(alcf_name(config, {.tensor = 2, .data = 3}, 12, "", "") == "llama_custom_z1_seqlen1024_mp2_pp1_sp1_nl40_hs5120_gb12_mb1");
  config.model.profile = "llama-3.1-8b";
  CHECK(alcf_name(config, {.context = 4}, 12, "", "") == "llama_llama-3.1-8b_z1_seqlen1024_mp1_pp1_sp1_nl40_hs5120_gb12_mb1_cp4");
}

TEST_CASE("a log's name says who, where, how many and when") {
  const std::time_t when = 1697034546;
  CHECK(log_name("u", "x3210c0s1b0n0", 2, 8, when) == "u-x3210c0s1b0n0-nhosts2-ngpu8-" + compact_time(when) + ".log");
  CHECK(utc_time(when) == "2023-10-11T14:29:06Z");
  CHECK(compact_time(when).size() == std::string("2023-10-11-092906").size());
}

TEST_CASE("an attempt leaves its log's path two levels above the run, and its end in run.json") {
  TemporaryDirectory directory;
  const fs::path root = directory / "outputs/x";
  std::string warning;
  {
    RunDir run(root);
    CHECK(run.record().attempts.empty());
    const Attempt first = run.begin_attempt("a.log", 4, 1697034546, warning);
    CHECK(first.number == 1);
    CHECK(fs::is_directory(run.paths().attempt(1)));
    run.end_attempt(137, 10, 1697034547, RankDeath{.rank = 3, .host = "node-2", .signal = 9});
    CHECK(!run.record().finished(10));
    CHECK(run.begin_attempt("b.log", 4, 1697034548, warning, "27.pbs").number == 2);
    run.end_attempt(0, 10, 1697034549);
  }
  CHECK(warning.empty());
  CHECK(read_file(directory / "logfiles") == (root / "logs/a.log").string() + "\n" + (root / "logs/b.log").string() + "\n");
  const RunRecord record = read_record(RunPaths(root).record());
  REQUIRE(record.attempts.size() == 2);
  CHECK(record.attempts[0].job.empty());
  REQUIRE(record.attempts[0].death);
  CHECK(record.attempts[0].death->rank == 3);
  CHECK(record.attempts[0].death->host == "node-2");
  CHECK(record.attempts[0].death->signal == 9);
  CHECK(!record.attempts[1].death);
  CHECK(record.attempts[1].job == "27.pbs");
  CHECK(record.attempts[0].exit == 137);
  CHECK(record.attempts[0].start == "2023-10-11T14:29:06Z");
  CHECK(record.attempts[0].id != record.attempts[1].id);
  CHECK(record.finished(10));
  CHECK(!record.finished(11));  // somebody wants more steps
}

TEST_CASE("the end of an attempt is written into run.json itself where no file can be made beside it") {
  TemporaryDirectory directory;
  const fs::path root = directory / "x";
  std::string warning;
  RunDir run(root);
  run.begin_attempt("a.log", 4, 1697034546, warning);
  const fs::path in_the_way = run.paths().record().string() + ".tmp." + std::to_string(::getpid());
  fs::create_directory(in_the_way);
  run.end_attempt(137, 10, 1697034547, RankDeath{.rank = 3, .host = "node-2", .signal = 9});
  const Attempt ended = read_record(run.paths().record()).attempts.at(0);
  CHECK(ended.exit == 137);
  REQUIRE(ended.death);
  CHECK(ended.death->host == "node-2");
  CHECK_THROWS_AS(run.begin_attempt("b.log", 4, 1697034548, warning), Error);  // there is no room for a whole attempt
  fs::remove(in_the_way);
  run.end_attempt(0, 10, 1697034549);
  CHECK(read_file(run.paths().record()).ends_with("}\n"));
}

TEST_CASE("a logfiles that cannot be written is one warning, not an end") {
  TemporaryDirectory directory;
  fs::create_directories(fs::path(directory / "logfiles"));
  RunDir run(directory / "outputs/x");
  std::string warning;
  run.begin_attempt("a.log", 1, 0, warning);
  CHECK(warning.find("logfiles") != std::string::npos);
}

TEST_CASE("E3: a second run is kept out, and a killed run leaves no lock") {
  TemporaryDirectory directory;
  const fs::path root = directory / "outputs/x";
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const RunDir run(root);
    [[maybe_unused]] const ssize_t written = ::write(ready[1], "x", 1);
    ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(is_locked(RunPaths(root).lock()));
  try {
    const RunDir second(root);
    FAIL("a second run was let in");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(std::string(error.what()).find(fmt::format("is in use by process {} on ", child)) != std::string::npos);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(!is_locked(RunPaths(root).lock()));
  CHECK_NOTHROW(RunDir(fs::path(root)));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a directory that is not a run's keeps its files: where a run would write over one, it is refused") {
  TemporaryDirectory directory;
  fs::create_directories(fs::path(directory / "mine"));
  write_file_atomically(directory / "mine/notes.txt", "x");
  write_file_atomically(directory / "mine/hostfile", "precious\n");
  try {
    const RunDir run(directory / "mine");
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(std::string(error.what()).find("a run would write over what it holds: 'hostfile'") != std::string::npos);
  }
  CHECK(!fs::exists(fs::path(directory / "mine/.lock")));
  fs::remove(fs::path(directory / "mine/hostfile"));
  CHECK_NOTHROW(RunDir(directory / "mine"));
  write_file_atomically(directory / "mine/hostfile", "the run's\n");
  CHECK_NOTHROW(RunDir(directory / "mine"));
}

TEST_CASE("a run with checkpoints is not begun anew with another model, and not at all where it is to begin anew") {
  TemporaryDirectory directory;
  Plan plan;
  plan.name = "x";
  plan.dir = directory / "x";
  plan.hosts = {{"here", 1}};
  plan.model = model_shape({.layers = 4, .hidden = 64, .heads = 4, .vocab = 256}, 32);
  const RunPaths paths(plan.dir);
  const fs::path step = paths.checkpoints() / "step-00000004";
  fs::create_directories(step);
  write_file_atomically(paths.lock(), "");  // a run was here
  write_file_atomically(paths.plan(), to_json(plan).dump());
  Plan deeper = plan;
  deeper.model.layers = 6;
  CHECK_NOTHROW(check_resume(deeper));  // nothing is saved yet
  write_file_atomically(step / "manifest.json", "{}");
  CHECK_NOTHROW(check_resume(plan));
  try {
    check_resume(deeper);
    FAIL("it was begun");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::config);
    CHECK(error.what() == std::string("run 'x' has checkpoints of another model: model.layers 4 -> 6"));
  }
  plan.config.checkpoint.resume = "never";
  CHECK_NOTHROW(check_resume(plan));
  std::string warning;
  RunDir(plan.dir).begin_attempt("a.log", 1, 0, warning);
  CHECK_THROWS_AS(check_resume(plan), Error);
}

TEST_CASE("a damaged run.json is told, and a directory that cannot be made too") {
  TemporaryDirectory directory;
  fs::create_directories(fs::path(directory / "x"));
  write_file_atomically(directory / "x/run.json", "{\"name\": 3}");
  CHECK_THROWS_AS(RunDir(directory / "x"), Error);
  write_file_atomically(directory / "file", "");
  CHECK_THROWS_AS(RunDir(directory / "file/x"), Error);
}

TEST_CASE("I3: env.json keeps what matters and no secret") {
  Variables environment({{"PATH", "/bin"},
                         {"NCCL_DEBUG", "warn"},
                         {"MODEL_SIZE_KEY", "GPT13B"},
                         {"WANDB_API_KEY", "canary"},
                         {"LLMRUN_TOKEN", "canary"},
                         {"PBS_PASSWORD", "canary"},
                         {"PMI_SHARED_SECRET", "canary"},
                         {"PALS_SECRET", "canary"},
                         {"SOMETHING_ELSE", "canary"},
                         {"LLMRUN_BYTES", "\xff"}});
  const json saved = saved_environment(environment);
  CHECK(saved.dump().find("canary") == std::string::npos);
  CHECK(saved["PATH"] == "/bin");
  CHECK(saved["NCCL_DEBUG"] == "warn");
  CHECK(saved["MODEL_SIZE_KEY"] == "GPT13B");
  CHECK(saved.size() == 4);
}

TEST_CASE("I3: what git knows of the user's directory is kept without secrets, and a long diff is cut") {
  TemporaryDirectory directory;
  Variables environment = Variables::of_this_process();
  environment.set("HF_TOKEN", "canary-token");
  const auto shell = [&](const std::string& script) {
    return capture({{"sh", "-c", "cd '" + directory.path().string() + "' && " + script}, environment}, std::chrono::seconds(60));
  };
  const fs::path here = fs::current_path();
  fs::current_path(directory.path());
  CHECK(git_state(environment).sha == "");  // no repository
  REQUIRE(shell("git init -q . && echo one > file && git add file && git -c user.name=a -c user.email=a@b commit -q -m one"));
  CHECK(git_state(environment).sha.size() == 40);
  CHECK(git_state(environment).diff == "");
  CHECK(to_json(git_state(environment))["dirty"] == false);
  write_file_atomically(directory / "file", "token: canary-token\n\xff");
  const GitState dirty = git_state(environment);
  REQUIRE(dirty.diff);
  CHECK(dirty.diff->find("+token: ***\n") != std::string::npos);
  // Inside the job, which has not the token, the state that `submit` wrote down is the run's.
  const RunPaths paths(directory / "outputs/queued");
  RunDir job(paths.root());
  RunDir::write(paths.git(), to_json(dirty).dump(-1, ' ', false, json::error_handler_t::replace));
  job.describe("x", "0", Variables(std::map<std::string, std::string>{{"PATH", "/usr/bin:/bin"}, {"LLMRUN_STARTED_AT", "1"}}));
  CHECK(job.record().git.sha == dirty.sha);
  CHECK(job.record().git.diff->find("canary") == std::string::npos);
  CHECK(!dirty.cut);
  write_file_atomically(directory / "file", [] {
    std::string text;
    for (int i = 0; i < 200'000; ++i) text += "a line\n";
    return text;
  }());
  CHECK(git_state(environment).cut);
  CHECK(git_state(environment).diff->size() <= GitState::kLongestDiff);
  // What a repository configures is not run: an external diff would leave a file.
  REQUIRE(shell("git config diff.external 'touch ran; true' && git config core.fsmonitor 'touch ran; false'"));
  CHECK(git_state(environment).diff->size() > 1000);
  CHECK(!fs::exists("ran"));
  {
    RunDir run(directory / "outputs/x");
    run.describe("x", "0", environment);
    std::string warning;
    run.begin_attempt("a.log", 1, 0, warning);
  }
  fs::current_path(here);
  CHECK(read_record(RunPaths(directory / "outputs/x").record()).git.cut);
}

TEST_CASE("room is asked for the checkpoints that stand at once") {
  TemporaryDirectory directory;
  Plan plan;
  plan.dir = directory / "outputs/x";
  plan.steps = 100;
  plan.config.model = {.layers = 2, .hidden = 8, .heads = 2, .vocab = 16};
  plan.model = model_shape(plan.config.model, 16);
  CHECK(checkpoints_at_once(plan) == 1);  // only at the end
  plan.config.checkpoint.every_steps = 10;
  CHECK(checkpoints_at_once(plan) == 3);
  plan.config.checkpoint.every_steps = 60;
  CHECK(checkpoints_at_once(plan) == 2);
  plan.config.checkpoint.every_minutes = 5;
  CHECK(checkpoints_at_once(plan) == 3);
  CHECK_NOTHROW(check_room(plan));
  plan.model.vocab = int64_t{1} << 50;  // of no disk
  try {
    check_room(plan);
    FAIL("there is no such disk");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(std::string(error.what()).starts_with("no room for checkpoints in '" + plan.dir + "': 3 of 96 PiB need 288 PiB, and "));
    CHECK(error.complaints()[0].hint.find("run.dir") != std::string::npos);
  }
  for (const char* step : {"step-00000010", "step-00000020"}) fs::create_directories(RunPaths(plan.dir).checkpoints() / step);
  CHECK_THROWS_WITH_AS(check_room(plan), doctest::Contains(": 1 of 96 PiB needs 96 PiB, and "), Error);
}

TEST_CASE("a RUN is a directory, a name, a unique prefix or the last one") {
  TemporaryDirectory directory;
  CHECK_THROWS_AS(find_run("last", directory.path()), Error);
  make_run(directory / "outputs/gpt-a");
  make_run(directory / "outputs/gpt-b");
  make_run(directory / "elsewhere/llama");
  write_file_atomically(directory / "logfiles", directory / "elsewhere/llama/logs/x.log\n");
  const auto now = fs::file_time_type::clock::now();
  for (const auto& [name, age] : {std::pair{"outputs/gpt-a", 3}, {"outputs/gpt-b", 2}, {"elsewhere/llama", 1}})
    fs::last_write_time(RunPaths(directory / name).record(), now - std::chrono::hours(age));
  const auto found = [&](const std::string& run) {
    return fs::relative(find_run(run, directory.path()), fs::canonical(directory.path())).string();
  };
  CHECK(found("outputs/gpt-a") == "outputs/gpt-a");
  CHECK(found("gpt-b") == "outputs/gpt-b");
  CHECK(found("llama") == "elsewhere/llama");
  CHECK(found("l") == "elsewhere/llama");
  CHECK(found("last") == "elsewhere/llama");
  CHECK_THROWS_WITH_AS(find_run("gpt", directory.path()), "'gpt' fits 2 runs: gpt-b, gpt-a", Error);
  CHECK_THROWS_WITH_AS(find_run("bert", directory.path()), "no run 'bert'", Error);
}

}  // namespace llmrun
