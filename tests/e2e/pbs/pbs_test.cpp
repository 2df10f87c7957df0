#include "tests/support/tensor_test.h"
// torch first

#include "engine/core/run_paths.h"
#include "launcher/rundir/record.h"
#include "tests/e2e/golden_run.h"

using namespace llmrun;

namespace {

/// A login node of the server that with_cluster.sh started: queue debug (two nodes), and prod, which routes to small (ten nodes and more).
struct Cluster {
  Cluster() {
    REQUIRE_MESSAGE(std::getenv("LLMRUN_TEST_CLUSTER") != nullptr, "run me by tests/e2e/pbs/with_cluster.sh");
    const std::string agent = std::string(std::getenv("LLMRUN_TEST_CLUSTER")) + "/agent";
    std::filesystem::create_directories(shell.path(".config/llmrun/profiles/machines"));
    shell.write(".config/llmrun/profiles/machines/site.yaml",
                "extends: polaris\nhosts: []\nnode: {gpus: 0, cores: 2}\nlauncher: openmpi\ndefault_queue: debug\nfilesystems: [home]\n"
                "queues: {debug: {nodes: [1, 2], walltime: [\"00:00:10\", \"01:00:00\"]}}\n"
                "environment: {XDG_STATE_HOME: " +
                    shell.path("state") + ", OMPI_MCA_plm_rsh_agent: " + agent + ", OMPI_MCA_orte_keep_fqdn_hostnames: \"1\"}\n");
  }

  Outcome operator()(const std::string& words) const {
    return shell("export XDG_STATE_HOME=$PWD/state PATH='" + std::string(std::getenv("LLMRUN_TEST_PBS")) + "/bin':$PATH; " + words);
  }
  Outcome submit(const std::string& words) const {
    return (*this)("llmrun submit --json --set machine=site --set job.account=P --set job.walltime=00:10:00 " + words);
  }
  std::string queued(const std::string& words) const {
    const Outcome outcome = submit(words);
    REQUIRE_MESSAGE(outcome.exit == 0, outcome.err);
    return json::parse(outcome.out).at("job_id");
  }

  /// Until `condition` holds: PBS tells nobody.
  void wait(const std::string& condition) const {
    const Outcome outcome = (*this)("timeout 240 sh -c 'until " + condition + "; do sleep 0.2; done'");
    REQUIRE_MESSAGE(outcome.exit == 0,
                    (condition + " did not come true: " +
                     (*this)("qstat -xf | grep -E \"Job Id|job_state|comment|Hold_Types|run_count\"; tail -n 20 */*.o*").out));
  }
  void wait_for_all() const { wait("[ -z \"$(qstat)\" ]"); }

  /// As of now: what was answered a moment ago is forgotten.
  std::vector<json> status() const {
    const Outcome outcome = (*this)("rm -f state/llmrun/status-*; llmrun status --json");
    REQUIRE_MESSAGE(outcome.exit == 0, outcome.err);
    return json::parse(outcome.out).at("jobs");
  }
  /// "king done, queen cancelled".
  std::string states() const {
    std::string text;
    for (const json& job : status())
      text += (text.empty() ? "" : ", ") + job.at("run").get<std::string>() + " " + job.at("state").get<std::string>();
    return text;
  }
  std::string explained(const std::string& run) const { return (*this)("llmrun explain " + run).out; }

  CommandLine shell;
};

/// A run that is over in a second.
std::string a_run(const std::string& name, const std::string& more = "") {
  return "--set model=gpt-tiny --set train.precision=fp32 --set train.seq_len=32 --set run.steps=3 --set job.nodes=1 "
         "--set job.ranks_per_node=1 --set run.dir=" +
         name + " --set run.name=" + name + " " + more;
}
/// One that takes minutes, unless it is stopped.
std::string a_long_run(const std::string& name, const std::string& more = "") { return a_run(name, "--set run.steps=100000 " + more); }

}  // namespace

TEST_CASE("each of several jobs has its state; one that is cancelled while it runs saves first") {
  const Cluster cluster;
  cluster.queued(a_run("king"));
  cluster.queued(a_long_run("queen"));
  cluster.queued(a_long_run("knight", "--set job.nodes=2"));
  cluster.wait("grep -q . queen/metrics.jsonl 2>/dev/null && grep -q . king/metrics.jsonl");
  CHECK(cluster.explained("knight").find("Not enough free nodes available") != std::string::npos);
  CHECK(cluster.submit(a_long_run("queen")).exit == 5);                                            // one job a run
  CHECK(cluster("llmrun cancel knight && llmrun cancel queen && llmrun cancel queen").exit == 0);  // the second one ends nothing at once
  cluster.wait_for_all();
  cluster.wait("grep -q 143 queen/run.json");  // PBS does not wait for what root runs
  CHECK(cluster.states() == "king done, queen cancelled, knight cancelled");
  CHECK(std::filesystem::exists(cluster.shell.path("queen/checkpoints/latest")));
  CHECK(cluster("llmrun cancel queen").exit == 0);  // Q3
  CHECK(cluster.explained("queen").find("it was cancelled while it ran") != std::string::npos);
}

TEST_CASE("the golden run comes out as plain PyTorch made it on 4 ranks of 2 nodes") {
  const Golden golden = read_golden("gpt2-tiny");
  const Cluster cluster;
  write_golden_yaml(cluster.shell, golden);
  cluster.queued(
      "golden.yaml --set run.dir=run --set run.name=golden --set job.nodes=2 --set job.ranks_per_node=2 --set parallel.tensor=2 "
      "--set parallel.pipeline=2 --set parallel.communicator=tcp");
  cluster.wait_for_all();
  REQUIRE_MESSAGE(cluster.states() == "golden done", cluster("cat run/*.o*").out);
  const Agreement agreement = compare(golden, read_plan(RunPaths(cluster.shell.path("run")).plan()));
  CHECK_MESSAGE(agreement.holds(), agreement.text());
}

TEST_CASE("T1: a run until it is done goes through as many jobs as it needs, each queued once by the one before, and ends bit-equal") {
  const Cluster cluster;
  const auto run = [](const std::string& name) {
    return a_run(name,
                 "--set model.hidden=256 --set model.layers=4 --set train.seq_len=256 --set train.global_batch=16 --set run.steps=8 "
                 "--set parallel.threads=1 --set job.nodes=2 --set parallel.communicator=tcp ");
  };
  cluster.queued(run("whole"));
  cluster.wait_for_all();
  cluster.queued(run("parts") + "--until-done --set job.walltime=00:01:00 --set job.margin=00:00:59 ");
  cluster.queued(a_run("after", "--set job.depends=[afterany:parts]"));  // the run's last job, not the one of now
  cluster.wait_for_all();
  const std::vector<Attempt> attempts = read_record(cluster.shell.path("parts/run.json")).attempts;
  REQUIRE_MESSAGE(attempts.size() >= 2, cluster("cat parts/*.o*").out);
  for (size_t i = 0; i + 1 < attempts.size(); ++i) CHECK(attempts[i].exit == 75);
  CHECK(attempts.back().exit == 0);
  CHECK(cluster.status().size() == 2 + attempts.size());
  const std::vector<Attempt> after = read_record(cluster.shell.path("after/run.json")).attempts;
  REQUIRE_MESSAGE(after.size() == 1, cluster("qstat -xf; cat parts/*.o*").out);
  CHECK(after.back().exit == 0);
  CHECK(after.back().start >= attempts.back().end);
  CHECK(read_metrics(cluster.shell.path("parts")).size() == 8);
  REQUIRE(cluster("llmrun checkpoint export whole --to whole-hf && llmrun checkpoint export parts --to parts-hf").exit == 0);
  CHECK(read_tensors(cluster.shell.path("parts-hf")) == read_tensors(cluster.shell.path("whole-hf")));
}

TEST_CASE("a sweep is one array job; the same submit again queues what is not finished") {
  const Cluster cluster;
  const std::string sweep = a_run("lrs", "--sweep optimizer.lr=1e-4,3e-4,1e-3 --set job.array=0-2%2");
  cluster.queued(sweep);
  cluster.wait_for_all();
  CHECK(cluster.states() == "lrs/lr=1e-4 done, lrs/lr=3e-4 done, lrs/lr=1e-3 done, lrs done");
  const Outcome again = cluster.submit(sweep);
  CHECK(again.exit == 0);
  CHECK(again.err.find("is finished") != std::string::npos);
}

TEST_CASE("Q4: jobs that are held, that depend on others and that can never run are explained in the server's words") {
  const Cluster cluster;
  const std::string first = cluster.queued(a_long_run("first", "--set job.nodes=2"));
  cluster.queued(a_run("second", "--set job.depends=[afterok:first]"));
  const std::string third = cluster.queued(a_run("third"));
  REQUIRE(cluster("qhold " + third).exit == 0);
  cluster.queued(a_run("fourth", "--set job.nodes=10 --set job.queue=prod"));
  cluster.wait("qstat -f | grep -q \"Can Never Run\"");
  CHECK(cluster.explained("second").find("it waits for other jobs") != std::string::npos);
  CHECK(cluster.explained("third").find("is held in debug") != std::string::npos);
  CHECK(cluster.explained("fourth").find("Can Never Run: Not enough total nodes available") != std::string::npos);
  CHECK(cluster("llmrun cancel fourth && llmrun cancel third && llmrun cancel first").exit == 0);
  cluster.wait_for_all();
  CHECK(cluster.states() == "first cancelled, second never ran, third cancelled, fourth cancelled");
  CHECK(cluster.submit(a_run("fifth", "--set job.account=")).err.find("job.account is not set") != std::string::npos);
}

TEST_CASE("a job that an operator puts back goes on from its checkpoint under the same id") {
  const Cluster cluster;
  const std::string id = cluster.queued(a_long_run("king", "--set checkpoint.every_steps=50"));
  cluster.wait("[ -e king/checkpoints/latest ]");
  REQUIRE(cluster("qrerun " + id).exit == 0);
  cluster.wait("grep -q \"goes on from\" king/logs/attempt-02/rank-00000.log 2>/dev/null");
  CHECK(cluster("llmrun cancel king").exit == 0);
  cluster.wait_for_all();
  CHECK(cluster.states() == "king cancelled");
  CHECK(read_record(cluster.shell.path("king/run.json")).attempts.size() == 2);
}
