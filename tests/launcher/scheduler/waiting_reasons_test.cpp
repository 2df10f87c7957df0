#include "launcher/scheduler/waiting_reasons.h"

#include <fstream>

#include "engine/core/json.h"
#include "launcher/scheduler/pbs_status.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

WaitingReason of_comment(std::string_view scheduler, const std::string& comment) {
  Job job;
  job.id = "27.s";
  job.comment = comment;
  return waiting_reason(scheduler, job, "king");
}

Job recorded(const std::string& name) {
  std::ifstream in(std::string(LLMRUN_SOURCE_DIR) + "/tests/data/pbs/" + name + ".json");
  const auto jobs = jobs_of_qstat(std::string{std::istreambuf_iterator<char>(in), {}});
  REQUIRE(jobs.size() == 1);
  return jobs.begin()->second;
}

}  // namespace

TEST_CASE("Q4: what PBS said of jobs that wait, as recorded, means something, and what cannot start by itself has a remedy") {
  struct Row {
    const char* recording;
    const char* meaning;
    bool waits_alone;
  };
  const Row rows[] = {
      {"qstat_f_queued", "other jobs have the nodes", true},
      {"qstat_f_waiting", "has not looked at it yet", true},
      {"qstat_f_can_never_run", "has not so many nodes", false},
      {"qstat_f_held_user", "held by a person", false},
      {"qstat_f_held_dependency", "it waits for other jobs: afterok:97", true},
      {"qstat_xf_too_many_failed_attempts", "tried to start it 21 times", false},
      {"qstat_f_requeued_preempted", "other jobs have the nodes", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.recording);
    const WaitingReason reason = waiting_reason("pbs", recorded(row.recording), "king");
    CHECK(reason.meaning.find(row.meaning) != std::string::npos);
    CHECK(reason.waits_alone == row.waits_alone);
    CHECK((reason.waits_alone || !reason.remedy.empty()));
  }
}

TEST_CASE("Q4: a file system that is down, a project without time, limits: comments that ALCF's users meet") {
  const WaitingReason down = of_comment("pbs", "Can Never Run: Insufficient amount of server resource: eagle_fs (True != False)");
  CHECK(down.meaning.find("file system") != std::string::npos);
  CHECK(down.waits_alone);  // whatever "never" says
  CHECK(down.remedy.find("llmrun cancel king") != std::string::npos);
  CHECK(of_comment("pbs", "No active allocation found for project P and resource polaris").meaning.find("no time left") !=
        std::string::npos);
  for (const char* comment :
       {"Not Running: Job is requesting an exclusive node and node is in use", "Not Running: Queue not started.",
        "Not Running: User has reached queue quick running job limit.", "Not Running: Insufficient amount of resource: vnode ",
        "Can Never Run: Insufficient amount of resource: system (aurora != polaris)", "Job held by hpcuser on Mon Nov 23 17:00:44 2026"}) {
    CAPTURE(comment);
    CHECK_FALSE(of_comment("pbs", comment).meaning.empty());
  }
  CHECK(of_comment("pbs", "Job held by hpcuser on Mon").remedy == "qrls 27.s");
  CHECK(of_comment("pbs", "words that nobody knows").meaning.empty());
}

TEST_CASE("a job that waits for another keeps the comment of the time before: its dependency is what counts") {
  Job job = recorded("qstat_f_held_dependency");
  job.comment = "Not Running: Not enough free nodes available";
  CHECK(waiting_reason("pbs", job, "king").meaning == "it waits for other jobs: afterok:97");
  CHECK(short_reason("pbs", job) == "waits for afterok:97");
}

TEST_CASE("the short reason of a held job: the scheduler's word, else who holds it; what waits for it is no reason") {
  Job job;
  job.hold = JobHold::person;
  CHECK(short_reason("pbs", job) == "by a person");
  job.comment = "Job held by hpcuser on Mon Nov 23 17:00:44 2026";
  CHECK(short_reason("pbs", job) == job.comment);
  job = {};
  job.hold = JobHold::system;
  CHECK(short_reason("pbs", job) == "by the scheduler itself");
  job.hold = JobHold::dependency;
  CHECK(short_reason("pbs", job) == "waits for another job");
  job.depends = "beforeok:99.s@s,afterok:97.s@s:98[].s@s,afterany:96.s";
  CHECK(short_reason("pbs", job) == "waits for afterok:97:98[], afterany:96");
  job.depends = "afterok:97(unfulfilled)?afterany:98_2(failed)";
  CHECK(short_reason("slurm", job) == "waits for afterok:97, afterany:98_2");
  job.comment = "DependencyNeverSatisfied";
  CHECK(short_reason("slurm", job) == job.comment);
}

TEST_CASE("Slurm's reasons: the longer name wins, and what will never be met has a remedy") {
  CHECK(of_comment("slurm", "Dependency").waits_alone);
  CHECK_FALSE(of_comment("slurm", "DependencyNeverSatisfied").waits_alone);
  Job never;
  never.hold = JobHold::dependency;
  never.comment = "DependencyNeverSatisfied";
  CHECK_FALSE(waiting_reason("slurm", never, "king").waits_alone);
  CHECK(of_comment("slurm", "QOSMaxWallDurationPerJobLimit").meaning.find("walltime") != std::string::npos);
  CHECK(of_comment("slurm", "QOSMaxJobsPerUserLimit").waits_alone);
  CHECK(of_comment("slurm", "JobHeldUser").remedy == "scontrol release 27.s");
  for (const char* reason : {"Priority", "Resources", "AssocGrpBillingMinutes", "PartitionTimeLimit",
                             "ReqNodeNotAvail, UnavailableNodes:n1", "BeginTime", "InvalidAccount", "Licenses"}) {
    CAPTURE(reason);
    CHECK_FALSE(of_comment("slurm", reason).meaning.empty());
  }
}
