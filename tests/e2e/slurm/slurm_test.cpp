#include "tests/support/tensor_test.h"
// torch first

#include <fmt/ranges.h>

#include "engine/core/run_paths.h"
#include "launcher/rundir/record.h"
#include "tests/e2e/golden_run.h"
#include "tests/support/readme.h"

using namespace llmrun;

namespace {

/// A login node of the cluster that with_cluster.sh started: two partitions, debug (two nodes and an hour at most) and batch.
struct Cluster {
  Cluster() {
    REQUIRE_MESSAGE(std::getenv("SLURM_CONF") != nullptr, "run me by tests/e2e/slurm/with_cluster.sh");
    profile();
  }

  Outcome operator()(const std::string& words) const {
    return shell("export SLURM_CONF='" + std::string(std::getenv("SLURM_CONF")) + "'; " + words);
  }

  /// A site's own profile of this machine. A job's shell is the user's own; what llmrun notes there goes to this test's folder.
  void profile() const {
    std::filesystem::create_directories(shell.path(".config/llmrun/profiles/machines"));
    shell.write(".config/llmrun/profiles/machines/loopback.yaml",
                "extends: slurm\nnode: {gpus: 0, cores: 2}\ndefault_queue: debug\nqueues:\n"
                "  debug: {nodes: [1, 2], walltime: [\"00:01:00\", \"01:00:00\"]}\n"
                "  batch: {nodes: [1, 4], walltime: [\"00:01:00\", \"24:00:00\"]}\n"
                "environment: {XDG_STATE_HOME: " +
                    shell.path("state") + "}\n");
  }

  Outcome submit(const std::string& words) const {
    return (*this)("export XDG_STATE_HOME=$PWD/state; llmrun submit --set machine=loopback --set job.walltime=00:10:00 " + words);
  }
  /// What `submit --json` says; the job's id.
  std::string queued(const std::string& words) const {
    const Outcome outcome = submit("--json " + words);
    REQUIRE_MESSAGE(outcome.exit == 0, outcome.err);
    return json::parse(outcome.out).at("job_id");
  }

  /// Waits until none of the user's jobs is queued or running any more.
  void wait_for_all() const { wait("[ -z \"$(squeue --noheader --user=$(id -u))\" ]"); }
  /// Until `condition` holds: Slurm tells nobody.
  void wait(const std::string& condition) const {
    const Outcome outcome = (*this)("timeout 240 sh -c 'until " + condition + "; do sleep 0.2; done'");
    REQUIRE_MESSAGE(outcome.exit == 0, (condition + " did not come true: " + (*this)("squeue --states=all").out));
  }

  /// status, as of now: what was answered a moment ago is forgotten.
  json status(const std::string& run) const {
    const Outcome outcome = (*this)("export XDG_STATE_HOME=$PWD/state; rm -f state/llmrun/status-*; llmrun status --json " + run);
    REQUIRE_MESSAGE(outcome.exit == 0, outcome.err);
    return json::parse(outcome.out).at("jobs").at(0);
  }
  Outcome cancel(const std::string& run) const { return (*this)("XDG_STATE_HOME=$PWD/state llmrun cancel " + run); }

  CommandLine shell;
};

/// A run that is over in a second.
const std::string kShort =
    "--set model=gpt-tiny --set train.precision=fp32 --set train.seq_len=32 --set run.steps=3 --set job.ranks_per_node=1 "
    "--set run.dir=run --set run.name=king ";
/// One that takes minutes, unless it is stopped.
const std::string kLong = kShort + "--set run.steps=100000 ";

}  // namespace

TEST_CASE("a job is queued, runs on its nodes with srun, and its exit code is told") {
  const Cluster cluster;
  const std::string id = cluster.queued(kShort + "--set job.nodes=2 --set job.ranks_per_node=2 ");
  cluster.wait_for_all();
  const json job = cluster.status("king");
  CHECK(job.at("job_id") == id);
  CHECK(job.at("state") == "done");
  CHECK(job.at("exit_code") == 0);
  CHECK(job.at("hosts").size() == 2);
  CHECK(read_metrics(cluster.shell.path("run")).size() == 3);
  CHECK(cluster.shell.read("run/logs/job-" + id + ".out").find("NHOSTS: 2") != std::string::npos);

  cluster.shell.write(".config/llmrun/profiles/machines/faulty.yaml",
                      "extends: loopback\nenvironment: {LLMRUN_FAULT: \"kill9@rank=1,step=2\"}\n");
  cluster.queued(kShort + "--set machine=faulty --set run.dir=bad --set run.name=bad --set job.nodes=2 --set job.ranks_per_node=1");
  cluster.wait_for_all();
  CHECK(cluster.status("bad").at("state") == "failed");
  CHECK(cluster.status("bad").at("exit_code") == 137);
  CHECK(cluster.shell.read("bad/logs/job-" + cluster.status("bad").at("job_id").get<std::string>() + ".out").find("rank 1 on n") !=
        std::string::npos);
}

TEST_CASE("job.sh is the same job by hand, from any directory, and takes nothing of the shell that queued it") {
  const Cluster cluster;
  const Outcome server = cluster.submit(kShort + "--set job.nodes=1 --dry-run=server");
  REQUIRE_MESSAGE(server.exit == 0, server.err);
  CHECK_MESSAGE(server.err.find(" to start at ") != std::string::npos, server.err);
  CHECK(cluster("squeue --noheader").out.empty());
  REQUIRE(cluster("cd / && CANARY=sk-123 SEQ_LEN=64 MODEL_SIZE_KEY=GPT13B RANK=3 sbatch --parsable \"$OLDPWD/run/job.sh\"").exit == 0);
  cluster.wait_for_all();
  CHECK(read_metrics(cluster.shell.path("run")).size() == 3);
  CHECK(cluster.shell.read("run/env.json").find("CANARY") == std::string::npos);
  CHECK(cluster("grep -rl sk-123 run").out.empty());
}

TEST_CASE("a job is cancelled while it waits, and while it runs") {
  const Cluster cluster;
  cluster.queued(kLong + "--set job.nodes=4 --set job.queue=batch ");
  cluster.queued(kLong + "--set run.dir=second --set run.name=second --set job.nodes=4 --set job.queue=batch ");
  cluster.wait("grep -q . run/metrics.jsonl");
  const json waiting = cluster.status("second");
  CHECK(waiting.at("state") == "waiting");
  CHECK(cluster.status("king").at("state") == "running");
  CHECK(cluster.submit(kLong + "--set job.nodes=4 --set job.queue=batch").exit == 5);  // one job a run
  CHECK(cluster.cancel("second").exit == 0);
  CHECK(cluster.cancel("king").exit == 0);
  cluster.wait_for_all();
  CHECK(cluster.status("second").at("state") == "cancelled");
  CHECK(cluster.status("second").at("exit_code").is_null());
  CHECK(cluster.status("king").at("state") == "cancelled");
  CHECK(cluster.cancel("king").exit == 0);  // Q3
  CHECK_FALSE(std::filesystem::exists(cluster.shell.path("second/metrics.jsonl")));
}

TEST_CASE("Q1: what sbatch and the limits refuse is told with a remedy, and nothing is queued") {
  const Cluster cluster;
  const Outcome limits = cluster.submit(kShort + "--set job.nodes=3");
  CHECK(limits.exit == 5);
  CHECK_MESSAGE(limits.err.find("queue 'debug' takes 1 to 2 nodes, not 3") != std::string::npos, limits.err);
  const Outcome constraint = cluster.submit(kShort + "--set job.nodes=1 --set machine.select=gpu");
  CHECK(constraint.exit == 5);
  CHECK_MESSAGE(constraint.err.find("Invalid feature specification") != std::string::npos, constraint.err);
  CHECK(constraint.err.find("--set machine.select=NAME") != std::string::npos);
  CHECK(cluster("squeue --noheader").out.empty());
}

TEST_CASE("Q1: a job whose id was lost behind sbatch's back is found again, not queued twice") {
  const Cluster cluster;
  std::filesystem::create_directory(cluster.shell.path("slow"));
  cluster.shell.write("slow/sbatch", "#!/bin/sh\n/usr/bin/sbatch \"$@\" >/dev/null\nexec sleep 60\n");
  REQUIRE(cluster("chmod +x slow/sbatch").exit == 0);
  const Outcome outcome = cluster(
      "export PATH=$PWD/slow:$PATH; export XDG_STATE_HOME=$PWD/state; llmrun submit --json --set machine=loopback "
      "--set job.walltime=00:10:00 --set job.nodes=1 " +
      kShort);
  REQUIRE_MESSAGE(outcome.exit == 0, outcome.err);
  cluster.wait_for_all();
  const std::string id = json::parse(outcome.out).at("job_id");
  CHECK(cluster("squeue --noheader --states=all --format='%i %Z' | grep -F \"$PWD/run\"").out ==
        id + " " + cluster.shell.path("run") + "\n");
  CHECK(cluster.status("king").at("state") == "done");
}

TEST_CASE("a job that depends on another starts behind it, and never where that failed") {
  const Cluster cluster;
  const std::string first = cluster.queued(kShort + "--set job.nodes=1 ");
  const std::string second =
      cluster.queued(kShort + "--set run.dir=second --set run.name=second --set job.nodes=1 --set job.depends=[king] ");
  CHECK(cluster.shell.read("second/job.sh").find("#SBATCH --dependency=afterok:" + first + "\n") != std::string::npos);
  cluster.wait_for_all();
  CHECK(read_metrics(cluster.shell.path("second")).size() == 3);
  CHECK(cluster.status("king").at("state") == "done");

  cluster.queued(kLong + "--set run.dir=third --set run.name=third --set job.nodes=1 ");
  cluster.queued(kShort + "--set run.dir=fourth --set run.name=fourth --set job.nodes=1 --set job.depends=[third] ");
  CHECK(cluster.cancel("third").exit == 0);
  cluster.wait("squeue --noheader --name=fourth --format=%r | grep -q DependencyNeverSatisfied");
  CHECK(cluster.status("fourth").at("state") == "held");
  CHECK(cluster.cancel("fourth").exit == 0);
  cluster.wait_for_all();
}

TEST_CASE("a job that depends on one member of a sweep starts behind that member, and not behind the others") {
  const Cluster cluster;
  const Outcome sweep = cluster.submit(kShort + "--set job.nodes=1 --sweep optimizer.lr=1e-4,3e-4 --json");
  REQUIRE_MESSAGE(sweep.exit == 0, sweep.err);
  const std::string array = json::parse(sweep.out).at("job_id");
  cluster.queued(kShort + "--set run.dir=after --set run.name=after --set job.nodes=1 --set job.depends=[lr=3e-4] ");
  CHECK(cluster.shell.read("after/job.sh").find("#SBATCH --dependency=afterok:" + array + "_1\n") != std::string::npos);
  cluster.wait_for_all();
  CHECK(read_metrics(cluster.shell.path("after")).size() == 3);
  CHECK(cluster.status("after").at("state") == "done");
}

TEST_CASE("a sweep is one array job whose elements train one member each") {
  const Cluster cluster;
  const Outcome sweep = cluster.submit(kShort + "--set job.nodes=1 --sweep optimizer.lr=1e-4,3e-4,1e-3 --set job.array=0-2%2 --json");
  REQUIRE_MESSAGE(sweep.exit == 0, sweep.err);
  cluster.wait_for_all();
  const std::string script = json::parse(sweep.out).at("script");
  const std::filesystem::path sweep_directory = std::filesystem::path(script).parent_path();
  std::ifstream members(sweep_directory / "members");
  std::vector<double> rates;
  for (std::string member; std::getline(members, member);) {
    const std::vector<json> metrics = read_metrics(sweep_directory / member);
    REQUIRE_MESSAGE(metrics.size() == 3, member);
    rates.push_back(metrics[0].at("lr"));
  }
  REQUIRE(rates.size() == 3);
  CHECK(rates[1] == doctest::Approx(3 * rates[0]));
  CHECK(rates[2] == doctest::Approx(10 * rates[0]));
}

TEST_CASE("the golden run comes out as plain PyTorch made it on 4 ranks of 2 nodes under srun, with no PMI, PMI-2 and PMIx") {
  const Golden golden = read_golden("gpt2-tiny");
  const Cluster cluster;
  write_golden_yaml(cluster.shell, golden);
  for (const std::string pmi : {"none", "pmi2", "pmix"}) {
    CAPTURE(pmi);
    cluster.queued("golden.yaml --set run.dir=" + pmi + " --set run.name=" + pmi + " --set machine.pmi=" + pmi +
                   " --set job.nodes=2 --set job.ranks_per_node=2 --set parallel.tensor=2 --set parallel.pipeline=2");
    cluster.wait_for_all();
    const json job = cluster.status(pmi);
    REQUIRE_MESSAGE(job.at("state") == "done", cluster("cat " + pmi + "/logs/job-*").out);
    const Agreement agreement = compare(golden, read_plan(RunPaths(cluster.shell.path(pmi)).plan()));
    CHECK_MESSAGE(agreement.holds(), agreement.text());
    CHECK(cluster.shell.read(pmi + "/launch.sh").find("--mpi=" + pmi) != std::string::npos);
  }
}

TEST_CASE("T1: ranks stop a margin before the time limit with exit 75, the next job is queued once, and the last one ends bit-equal") {
  const Cluster cluster;
  const auto run = [](const std::string& dir) {
    return "--set model=gpt-tiny --set model.hidden=256 --set model.layers=4 --set train.precision=fp32 --set train.seq_len=256 "
           "--set train.global_batch=16 --set run.steps=8 --set parallel.threads=1 --set job.nodes=2 --set job.ranks_per_node=1 --set "
           "run.dir=" +
           dir + " --set run.name=" + dir + " ";
  };
  cluster.queued(run("whole"));
  cluster.wait_for_all();
  REQUIRE(cluster.status("whole").at("state") == "done");
  REQUIRE(cluster("llmrun checkpoint export whole --to whole-hf").exit == 0);

  const std::string first = cluster.queued(run("parts") + "--until-done --set job.walltime=00:01:00 --set job.margin=00:00:59 ");
  cluster.queued(run("after") + "--set run.steps=1 --set job.depends=[afterok:parts]");  // the run's last job, not the one of now
  cluster.wait_for_all();
  const std::vector<Attempt> attempts = read_record(cluster.shell.path("parts/run.json")).attempts;
  REQUIRE_MESSAGE(attempts.size() >= 2, cluster("cat parts/logs/job-*").out);
  for (size_t i = 0; i + 1 < attempts.size(); ++i) CHECK(attempts[i].exit == 75);
  CHECK(attempts.back().exit == 0);
  CHECK(read_metrics(cluster.shell.path("parts")).size() == 8);
  const std::vector<Attempt> after = read_record(cluster.shell.path("after/run.json")).attempts;
  REQUIRE_MESSAGE(after.size() == 1, cluster("squeue --states=all --format='%i %j %T %r %E'; cat parts/logs/job-*").out);
  CHECK(after.back().exit == 0);
  CHECK(after.back().start >= attempts.back().end);
  CHECK(cluster("squeue --noheader --states=all --name=parts --format=%i | wc -l").out == fmt::format("{}\n", attempts.size()));
  REQUIRE(cluster("llmrun checkpoint export parts --to parts-hf").exit == 0);
  CHECK(read_tensors(cluster.shell.path("parts-hf")) == read_tensors(cluster.shell.path("whole-hf")));
}

TEST_CASE("the commands of the README's section on Slurm do what it says") {
  const Cluster cluster;
  cluster.shell.write(".config/llmrun/profiles/machines/mycluster.yaml", "extends: loopback\n");
  cluster.shell.write("my-run.yaml",
                      "model: gpt-tiny\nrun: {name: my-run, steps: 3}\ntrain: {seq_len: 32, precision: fp32}\njob: {ranks_per_node: 1}\n");
  const std::vector<std::string> commands = readme_commands("On a Slurm cluster");
  REQUIRE(commands.size() == 7);
  for (const std::string& command : commands) {
    const Outcome outcome = cluster("export XDG_STATE_HOME=$PWD/state; " + command);
    CHECK_MESSAGE(outcome.exit == 0, (command + "\n" + outcome.err));
  }
  cluster.wait_for_all();
  CHECK(read_metrics(cluster.shell.path("outputs/my-run")).size() >= 3);
}
