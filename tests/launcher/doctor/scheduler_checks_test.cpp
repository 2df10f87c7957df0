#include "tests/launcher/doctor/world.h"

using namespace llmrun;

namespace {

const std::string kData = LLMRUN_SOURCE_DIR "/tests/data/pbs/";

/// A Polaris login node: qstat answers what a real server answered, changed by a sed script where there is one.
struct Polaris : World {
  explicit Polaris(const std::string& sed = "") {
    config().machine.scheduler = "pbs";
    config().machine.profile = "polaris";
    command("qstat", "case \"$1\" in -B) f=qstat_Bf;; -Q) f=qstat_Qf;; esac\nsed '" + sed + "' " + kData + "$f.json");
  }
};

struct SlurmCluster : World {
  SlurmCluster() {
    config().machine.scheduler = "slurm";
    command("sinfo",
            "case \"$*\" in --version) echo slurm 22.05.8;; *%a) printf 'debug up\\ngpu down\\n';; *) printf 'debug\\ngpu\\n';; esac");
  }
};

// docs.alcf.anl.gov, sbank example commands: the form of the table.
const std::string kSbank =
    "cat <<'END'\n"
    " Id         Start       End         Resource   Project          Jobs        Charged          Available Balance \n"
    " ---------  ----------  ----------  ---------  ---------------  ----------  ---------------  ----------------- \n"
    " 2106       2016-01-04  2017-01-01  polaris    ProjectX              1,139          6,032.8           43,967.2 \n"
    " 2146       2016-01-14  2017-01-10  polaris    ProjectY                983      1,084,770.3       25,483,927.5\n"
    "\n\nTotals:\n  Rows: 2\n  Polaris:\n    Available Balance: 43,967.2 node hours\n"
    "END";

}  // namespace

TEST_CASE("a PBS server that answers is told with its version and state") {
  const Result result = Polaris()(scheduler_checks, "scheduler");
  CHECK(result.verdict == Verdict::ok);
  CHECK(result.seen == "'polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov' runs PBS 23.06.06 and is Active");
}

TEST_CASE("a PBS server that starts no jobs is a warning, one that is down a failure with its words") {
  const Polaris idle("s/\"scheduling\":\\t\"True\"/\"scheduling\": \"False\"/");
  CHECK(idle(scheduler_checks, "scheduler").verdict == Verdict::warn);
  const Polaris down;
  down.command("qstat", "echo 'qstat: cannot connect to server polaris-pbs-01 (errno=15010)' >&2; exit 255");
  const Result result = down(scheduler_checks, "scheduler");
  CHECK(result.verdict == Verdict::fail);
  CHECK(has(result.seen, "cannot connect to server polaris-pbs-01 (errno=15010)"));
  CHECK(result.remedy == "qstat -B -f -F json");
}

TEST_CASE("no qstat at all, and an answer that is no JSON, are failures") {
  World world;
  world.config().machine.scheduler = "pbs";
  CHECK(has(world(scheduler_checks, "scheduler").seen, "'qstat' is not on the PATH"));
  world.command("qstat", "echo '{\"Server\": '");
  CHECK(has(world(scheduler_checks, "scheduler").seen, "gave no JSON"));
}

TEST_CASE("a machine without a batch system has nothing to ask") {
  const World world;
  for (const char* name : {"scheduler", "queue", "account"}) CHECK(world(scheduler_checks, name).verdict == Verdict::not_applicable);
}

TEST_CASE("Slurm answers by sinfo") {
  const SlurmCluster slurm;
  CHECK(slurm(scheduler_checks, "scheduler").seen == "slurm 22.05.8 answers");
  slurm.command(
      "sinfo",
      "[ \"$1\" = --version ] && echo slurm 22.05.8 && exit; echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1");
  CHECK(slurm(scheduler_checks, "scheduler").verdict == Verdict::fail);
}

TEST_CASE("the queue of the job, else of the profile, must exist and be open") {
  Polaris polaris;
  CHECK(polaris(scheduler_checks, "queue").verdict == Verdict::ok);  // none is named
  polaris.config().machine.default_queue = "debug";
  CHECK(polaris(scheduler_checks, "queue").seen == "'debug' is there and open");
  polaris.config().job.queue = "debag";
  const Result unknown = polaris(scheduler_checks, "queue");
  CHECK(unknown.verdict == Verdict::fail);
  CHECK(has(unknown.seen, "the scheduler has no 'debag', it has workq, debug"));
  Polaris closed("s/\"enabled\":\\t\"True\"/\"enabled\": \"False\"/");
  closed.config().job.queue = "debug";
  CHECK(closed(scheduler_checks, "queue").verdict == Verdict::warn);
}

TEST_CASE("a Slurm partition that is down is a warning, and a QOS is not checked") {
  SlurmCluster slurm;
  slurm.config().job.queue = "debug";
  CHECK(slurm(scheduler_checks, "queue").verdict == Verdict::ok);
  slurm.config().job.queue = "gpu";
  CHECK(slurm(scheduler_checks, "queue").verdict == Verdict::warn);
  slurm.config().job.queue = "none";
  CHECK(slurm(scheduler_checks, "queue").verdict == Verdict::fail);
  slurm.config().machine.queue_option = "qos";
  CHECK(slurm(scheduler_checks, "queue").verdict == Verdict::not_applicable);
}

TEST_CASE("an account that is not set is a warning; one that no tool can check is said to be unchecked") {
  Polaris polaris;
  const Result none = polaris(scheduler_checks, "account");
  CHECK(none.verdict == Verdict::warn);
  CHECK(has(none.remedy, "--set job.account=PROJECT"));
  polaris.config().job.account = "ProjectX";
  const Result unchecked = polaris(scheduler_checks, "account");
  CHECK(unchecked.verdict == Verdict::ok);
  CHECK(has(unchecked.seen, "not checked"));
}

TEST_CASE("where sbank lists allocations the account must be one of them") {
  Polaris polaris;
  polaris.command("sbank-list-allocations", kSbank);
  CHECK(polaris(scheduler_checks, "account").seen == "none is set; yours are ProjectX, ProjectY");
  polaris.config().job.account = "ProjectY";
  CHECK(polaris(scheduler_checks, "account").verdict == Verdict::ok);
  polaris.config().job.account = "ProjectZ";
  const Result foreign = polaris(scheduler_checks, "account");
  CHECK(foreign.verdict == Verdict::fail);
  CHECK(foreign.seen == "'ProjectZ' is none of yours: ProjectX, ProjectY");
}

TEST_CASE("Slurm's accounts are those of sacctmgr") {
  SlurmCluster slurm;
  slurm.command("sacctmgr", "case \"$*\" in *user=ada*) printf 'physics\\nbiology\\n';; esac");
  CHECK(slurm(scheduler_checks, "account").verdict == Verdict::ok);  // none is set: Slurm has a default
  slurm.config().job.account = "biology";
  CHECK(slurm(scheduler_checks, "account").verdict == Verdict::ok);
  slurm.config().job.account = "chemistry";
  CHECK(slurm(scheduler_checks, "account").verdict == Verdict::fail);
  // What Slurm 22.05.8 without a database says.
  slurm.command("sacctmgr", "echo \"Only 'accounting_storage/slurmdbd' is supported.\" >&2; exit 1");
  const Result unknown = slurm(scheduler_checks, "account");
  CHECK(unknown.verdict == Verdict::ok);
  CHECK(has(unknown.seen, "not checked: 'sacctmgr"));
  CHECK(has(unknown.seen, "Only 'accounting_storage/slurmdbd' is supported."));
}
