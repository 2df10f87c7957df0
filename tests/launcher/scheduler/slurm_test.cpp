#include <chrono>
#include <ctime>
#include <fstream>

#include "engine/core/error.h"
#include "engine/core/file.h"
#include "launcher/scheduler/queue_line.h"
#include "launcher/scheduler/scheduler.h"
#include "launcher/scheduler/slurm_errors.h"
#include "launcher/scheduler/slurm_status.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// What squeue of Slurm 22.05 answered (tests/data/slurm/README.md).
std::map<std::string, Job> recorded(const std::string& name) {
  std::vector<std::string> ids{"99"};
  for (int id = 1; id <= 14; ++id) ids.push_back(std::to_string(id));
  for (int index = 0; index < 4; ++index) ids.push_back("6_" + std::to_string(index));
  return jobs_of_squeue(read_file(std::filesystem::path(LLMRUN_SOURCE_DIR) / "tests/data/slurm" / name), ids);
}

/// A line of squeue with these words for state, wait status and reason, of a job that had a node or not.
Job job_in(const std::string& state, const std::string& wait_status = "0", const std::string& reason = "None",
           const std::string& node = "n1") {
  const std::string line =
      "1 |" + state + " |" + wait_status + " |" + reason + " |1000 |2000 |900 |1:00 |1 |0 |" + node + " |debug |(null) |N/A |name\n";
  return jobs_of_squeue(line, {"1"}).at("1");
}

/// Slurm's commands as shell scripts in a folder.
struct FakeSlurm {
  FakeSlurm() {
    environment.set("PATH", home.path().string() + ":/usr/bin:/bin");
    environment.set("SLURM_JOB_ID", "7");
    environment.set("SLURM_ARRAY_TASK_ID", "3");
    environment.set("SLURM_CONF", "/x/slurm.conf");
    environment.set("SQUEUE_STATES", "RUNNING");
    command("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
  }
  void command(const std::string& name, const std::string& body) const {
    const auto file = home.path() / name;
    std::ofstream(file) << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  std::string queued(std::chrono::milliseconds patience = std::chrono::seconds(30), const std::vector<std::string>& known = {}) const {
    std::filesystem::create_directory(home.path() / "run");
    std::ofstream(home.path() / "run/job.sh") << "#!/bin/bash\n";
    try {
      return make_slurm(environment, patience)->submit({.script = home.path() / "run/job.sh", .known = known});
    } catch (const Error& error) {
      return fmt::format("exit {}: {} -> {}", static_cast<int>(error.code()), error.what(), error.complaints().back().hint);
    }
  }
  /// A squeue that tells of these jobs in the run's directory, queued so many seconds ago.
  void squeue(const std::string& id, int64_t seconds_ago) const {
    std::ofstream(home.path() / "queue", std::ios::app)
        << id << " |" << std::time(nullptr) - seconds_ago << " |" << (home.path() / "run").string() << " |\n";
    command("squeue", "cat '" + (home.path() / "queue").string() + "'");
  }

  TemporaryDirectory home;
  Variables environment;
};

Answer said(const std::string& err, int code = 1) {
  Answer answer;
  answer.err = err;
  answer.status.code = code;
  return answer;
}

}  // namespace

TEST_CASE("what Slurm says of waiting, held and running jobs") {
  const auto jobs = recorded("squeue_mixed.txt");
  CHECK(jobs.count("99") == 0);  // unknown is not failed: it is absent
  const Job& running = jobs.at("4");
  CHECK(running.phase == JobPhase::running);
  CHECK(running.hosts == std::vector<std::string>{"n1"});
  CHECK(running.walltime == 60);
  CHECK(running.runs == 1);
  CHECK(running.started.has_value());
  CHECK(running.queue == "debug");
  CHECK(running.name == "timeout");
  CHECK(running.comment.empty());
  const Job& waiting = jobs.at("11");
  CHECK(waiting.phase == JobPhase::waiting);
  CHECK(waiting.comment == "Resources");
  CHECK(waiting.starts_at.has_value());
  CHECK_FALSE(waiting.started.has_value());
  CHECK(waiting.nodes == 4);
  CHECK(waiting.runs == 0);
  CHECK(jobs.at("12").comment == "PartitionTimeLimit");
  CHECK(jobs.at("12").walltime == 30 * 3600);
  CHECK(jobs.at("7").phase == JobPhase::held);
  CHECK(jobs.at("7").hold == JobHold::person);
  CHECK(jobs.at("8").hold == JobHold::dependency);
  CHECK(jobs.at("8").depends == "afterok:5(unfulfilled)");
  CHECK(jobs.at("9").comment == "DependencyNeverSatisfied");
}

TEST_CASE("what Slurm says of jobs that ended: exit codes, signals, limits, cancelled before and after the start") {
  const auto jobs = recorded("squeue_later.txt");
  CHECK(jobs.at("1").end == JobEnd::done);
  CHECK(jobs.at("1").exit_code == 0);
  CHECK(jobs.at("2").end == JobEnd::failed);
  CHECK(jobs.at("2").exit_code == 7);
  CHECK(jobs.at("2").name == "failed | of a name");
  CHECK(jobs.at("3").exit_code == 137);
  CHECK(jobs.at("4").end == JobEnd::walltime);
  CHECK(jobs.at("4").exit_code == 143);
  CHECK(jobs.at("5").end == JobEnd::cancelled);
  CHECK(jobs.at("5").exit_code == 143);
  CHECK(jobs.at("7").end == JobEnd::cancelled);
  CHECK_FALSE(jobs.at("7").exit_code.has_value());
  CHECK_FALSE(jobs.at("7").started.has_value());
  CHECK(jobs.at("13").end == JobEnd::never_ran);
  CHECK_FALSE(jobs.at("13").exit_code.has_value());
}

TEST_CASE("a job whose nodes are taken is told so while it still runs, and how often it was started tells whether it was put back") {
  std::ifstream in(std::string(LLMRUN_SOURCE_DIR) + "/tests/data/slurm/squeue_preempted.txt");
  std::vector<Job> jobs;
  for (std::string line; std::getline(in, line);) jobs.push_back(jobs_of_squeue(line, {"1"}).at("1"));
  REQUIRE(jobs.size() == 6);
  const auto told = [&](size_t i) { return fmt::format("{} {} {}", spelling(jobs[i].phase), jobs[i].preempted, jobs[i].runs); };
  CHECK(told(0) == "running true 1");  // PreemptMode=CANCEL
  CHECK(told(1) == "running true 1");
  CHECK(jobs[2].end == JobEnd::preempted);
  CHECK(jobs[2].exit_code == 143);
  CHECK(told(3) == "running true 1");  // REQUEUE
  CHECK(told(4) == "running true 2");
  CHECK(told(5) == "waiting false 1");
}

TEST_CASE("an array is its elements and, by its own id, all of them in one") {
  const auto early = recorded("squeue_mixed.txt"), late = recorded("squeue_later.txt");
  CHECK(early.at("6").phase == JobPhase::running);
  CHECK(early.at("6_3").comment == "JobArrayTaskLimit");
  CHECK(late.at("6_2").end == JobEnd::done);
  CHECK(late.at("6_3").exit_code == 1);
  CHECK(late.at("6").end == JobEnd::failed);
  CHECK(late.at("6").members == "2 done, 2 failed");
  CHECK(late.at("6").id == "6");
}

TEST_CASE("every state of squeue's manual has its meaning, and one that a later Slurm has is no failure") {
  const std::vector<std::pair<std::string, std::string>> meanings{
      {"BOOT_FAIL", "failed"},     {"CANCELLED", "cancelled"}, {"COMPLETED", "done"},      {"CONFIGURING", "waiting"},
      {"COMPLETING", "running"},   {"DEADLINE", "walltime"},   {"FAILED", "failed"},       {"NODE_FAIL", "failed"},
      {"OUT_OF_MEMORY", "failed"}, {"PENDING", "waiting"},     {"PREEMPTED", "preempted"}, {"RUNNING", "running"},
      {"RESV_DEL_HOLD", "held"},   {"REQUEUE_FED", "waiting"}, {"REQUEUE_HOLD", "held"},   {"REQUEUED", "waiting"},
      {"RESIZING", "running"},     {"REVOKED", "cancelled"},   {"SIGNALING", "running"},   {"SPECIAL_EXIT", "held"},
      {"STAGE_OUT", "running"},    {"STOPPED", "suspended"},   {"SUSPENDED", "suspended"}, {"TIMEOUT", "walltime"},
      {"NEWLY_MADE", "waiting"}};
  for (const auto& [state, meaning] : meanings) {
    const Job job = job_in(state);
    CHECK_MESSAGE((job.end ? spelling(*job.end) : spelling(job.phase)) == meaning, state);
  }
  CHECK(job_in("NEWLY_MADE").comment == "NEWLY_MADE");
  CHECK(job_in("OUT_OF_MEMORY").comment == "OUT_OF_MEMORY");
  CHECK(job_in("OUT_OF_MEMORY", "0").exit_code == 1);  // never 0 of a job that failed
  CHECK(job_in("TIMEOUT", "0").exit_code == 143);
  CHECK(job_in("CANCELLED", "0", "DependencyNeverSatisfied", "").end == JobEnd::never_ran);
  CHECK(job_in("PENDING", "0", "launch failed requeued held").hold == JobHold::system);
  CHECK_THROWS_AS(jobs_of_squeue("1 |RUNNING |0", {"1"}), Error);  // cut off
  CHECK(jobs_of_squeue("", {"1"}).empty());
}

TEST_CASE("a job is queued from its directory, without what another job left in the environment") {
  const FakeSlurm slurm;
  slurm.command("sbatch",
                "env | grep -E '^(SLURM|SQUEUE)' | sort >env; pwd >>env; echo \"$@\" >>env; echo 'a word of the site'; echo '123;here'");
  CHECK(slurm.queued() == "123");
  CHECK(read_file(slurm.home.path() / "run/env") ==
        fmt::format("SLURM_CONF=/x/slurm.conf\n{}\n--parsable job.sh\n", (slurm.home.path() / "run").string()));
  CHECK(std::filesystem::is_directory(slurm.home.path() / "run/logs"));  // where the job's output goes
}

TEST_CASE("Q1: what sbatch refuses is told in its words, with a remedy") {
  const FakeSlurm slurm;
  slurm.command("sbatch",
                "echo 'sbatch: error: invalid partition specified: x' >&2; "
                "echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1");
  CHECK(slurm.queued() ==
        "exit 5: sbatch: error: Batch job submission failed: Invalid partition name specified -> sinfo --summarize lists the partitions: "
        "--set job.queue=NAME");
}

TEST_CASE("Q1: a job whose id was lost on the way is found again by its directory and its age, and no older one is taken for it") {
  const std::string timed_out = "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1";
  for (const std::string& sbatch : {std::string("exec sleep 60"), timed_out, std::string("kill -9 $$"), std::string("echo nothing")}) {
    CAPTURE(sbatch);
    const FakeSlurm slurm;
    slurm.command("sbatch", sbatch);
    slurm.squeue("41", 5000);
    slurm.squeue("42", 3);
    CHECK(slurm.queued(std::chrono::seconds(2)) == "42");
    CHECK_MESSAGE(slurm.queued(std::chrono::seconds(2), {"42"}).starts_with("exit "), "a job that was known was taken for the new one");
  }
}

TEST_CASE("who waits in a partition: in squeue's order, without what is held or waits for its time") {
  const QueueLine line = line_of_squeue(
      "12                  |2           |alice               |Resources           \n"
      "11_[0-3]            |1           |alice               |Priority            \n"
      "9                   |1           |bob                 |Dependency          \n"
      "8                   |1           |bob                 |JobHeldUser         \n"
      "7                   |1           |bob                 |BeginTime           \n");
  REQUIRE(line.jobs.size() == 2);
  CHECK(line.jobs[0].id == "12");
  CHECK(line.jobs[0].nodes == 2);
  CHECK(line.jobs[1].id == "11");
  CHECK(line.tells_of_others);
}

TEST_CASE("Q2: a controller that is down says nothing about a job: exit 6") {
  for (const char* text : {"slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n",
                           "squeue: fatal: Could not establish a configuration source\n",
                           "squeue: error: ClusterName needs to be specified\nsqueue: fatal: Unable to process configuration file\n"})
    CHECK(slurm_error("squeue", said(text)).code() == Exit::unreachable);
  const FakeSlurm slurm;
  slurm.command("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1");
  CHECK_THROWS_AS(make_slurm(slurm.environment)->status({"1"}), Error);
}

TEST_CASE("Q2: a job that Slurm has forgotten is unknown, and no error") {
  const FakeSlurm slurm;
  slurm.command("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  CHECK(make_slurm(slurm.environment)->status({"1"}).empty());
  CHECK(make_slurm(slurm.environment)->status({}).empty());
}

TEST_CASE("how a job ended that squeue has forgotten is what accounting says; what it takes for running is unknown") {
  const FakeSlurm slurm;
  slurm.command("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  slurm.command("sacct", "case \"$*\" in *--jobs=1,10,2,3,4,5,6,7,7_1,8,9,99*) cat '" LLMRUN_SOURCE_DIR
                         "/tests/data/slurm/sacct_ended.txt' ;; *) exit 9 ;; esac");
  const auto jobs = make_slurm(slurm.environment)->status({"1", "10", "2", "3", "4", "5", "6", "7", "7_1", "8", "9", "99"});
  const auto end = [&](const char* id) { return fmt::format("{} {}", spelling(*jobs.at(id).end), jobs.at(id).exit_code.value_or(-1)); };
  CHECK(end("1") == "done 0");
  CHECK(end("2") == "failed 3");
  CHECK(end("3") == "failed 137");
  CHECK(end("4") == "walltime 143");
  CHECK(end("5") == "cancelled 143");
  CHECK(end("6") == "cancelled -1");
  CHECK(end("7") == "failed 1");
  CHECK(end("7_1") == "failed 1");
  CHECK(end("9") == "never ran -1");
  CHECK(jobs.at("7").members == "2 done, 1 failed");
  CHECK(jobs.at("7_1").name == "an|array");
  CHECK(jobs.at("4").hosts == std::vector<std::string>{"n1", "n2"});
  CHECK(jobs.at("4").walltime == 60);
  CHECK(*jobs.at("4").finished - *jobs.at("4").started >= 60);
  CHECK_FALSE(jobs.contains("10"));
  CHECK_FALSE(jobs.contains("99"));
}

TEST_CASE("Q2: no accounting, or none that answers, leaves what is forgotten unknown, and nobody asks it about jobs that squeue knows") {
  for (const char* sacct : {"echo 'Slurm accounting storage is disabled' >&2; exit 1", "exec sleep 60",
                            "echo 'sacct: error: Problem talking to the database: Connection refused' >&2; exit 1"}) {
    const FakeSlurm slurm;
    slurm.command("sacct", sacct);
    slurm.command("squeue", "exit 0");
    CHECK(make_slurm(slurm.environment, std::chrono::seconds(1))->status({"1"}).empty());
  }
  const FakeSlurm slurm;
  slurm.command("sacct", "touch \"$(dirname \"$0\")/asked\"");
  slurm.command("squeue", "cat '" LLMRUN_SOURCE_DIR "/tests/data/slurm/squeue_later.txt'");
  CHECK(make_slurm(slurm.environment)->status({"1", "4"}).size() == 2);
  CHECK_FALSE(std::filesystem::exists(slurm.home.path() / "asked"));
}

TEST_CASE("Q3: cancelling a job that has ended is no error, one of somebody else is") {
  const FakeSlurm slurm;
  slurm.command("scancel",
                "[ \"$1\" != 5 ] || { echo 'scancel: error: Kill job error on job id 5: Access/permission denied' >&2; exit 1; }");
  make_slurm(slurm.environment)->cancel("4");
  CHECK_THROWS_AS(make_slurm(slurm.environment)->cancel("5"), Error);
}
