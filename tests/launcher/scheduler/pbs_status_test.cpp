#include "launcher/scheduler/pbs_status.h"

#include <fstream>
#include <sstream>

#include "engine/core/error.h"
#include "engine/core/json.h"
#include "launcher/scheduler/queue_line.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

std::string recorded(const std::string& name) {
  std::ifstream in(std::string(LLMRUN_SOURCE_DIR) + "/tests/data/pbs/" + name + ".json");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The one job of a recorded answer.
Job only_job(const std::string& name) {
  const auto jobs = jobs_of_qstat(recorded(name));
  REQUIRE(jobs.size() == 1);
  return jobs.begin()->second;
}

}  // namespace

TEST_CASE("who waits in a queue: those that want nodes and may get them, by priority, then by time") {
  const auto line = [](const json& document) {
    std::vector<std::string> told;
    for (const WaitingJob& job : line_of_qstat(document.dump(), "quick").jobs)
      told.push_back(fmt::format("{} {}", job.id.substr(0, job.id.find('.')), job.nodes));
    return told;
  };
  json document = json::parse(recorded("qstat_f_all_mixed"));  // 27 runs, 28 waits, 29 is held, 30 can never run, 31 waits for its time
  CHECK(line(document) == std::vector<std::string>{"28 4"});
  CHECK_FALSE(line_of_qstat(document.dump(), "quick").tells_of_others);
  CHECK(line_of_qstat(document.dump(), "debug").jobs.empty());

  const auto id = [](int number) { return std::to_string(number) + ".polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"; };
  document["Jobs"][id(30)]["comment"] = "Not Running: Not enough free nodes available";
  CHECK(line(document) == std::vector<std::string>{"28 4", "30 8"});
  document["Jobs"][id(30)]["Priority"] = 10;
  CHECK(line(document) == std::vector<std::string>{"30 8", "28 4"});
  document["Jobs"][id(27)]["Job_Owner"] = "another@polaris-login-02.hsn.cm.polaris.alcf.anl.gov";
  CHECK(line_of_qstat(document.dump(), "quick").tells_of_others);
}

TEST_CASE("a waiting, held or suspended job is told with the scheduler's own reason") {
  CHECK(only_job("qstat_f_queued").phase == JobPhase::waiting);
  CHECK(only_job("qstat_f_queued").comment == "Not Running: Not enough free nodes available");
  CHECK(only_job("qstat_f_can_never_run").comment == "Can Never Run: Not enough total nodes available");
  CHECK(only_job("qstat_f_waiting").phase == JobPhase::waiting);
  CHECK(only_job("qstat_f_held_user").phase == JobPhase::held);
  CHECK(only_job("qstat_f_held_dependency").phase == JobPhase::held);
  CHECK(only_job("qstat_xf_too_many_failed_attempts").phase == JobPhase::held);
  CHECK(only_job("qstat_xf_too_many_failed_attempts").runs == 21);
  CHECK(only_job("qstat_f_suspended").phase == JobPhase::suspended);
  const Job preempted = only_job("qstat_f_requeued_preempted");  // its last Exit_status, -11, says nothing of the next run
  CHECK(preempted.phase == JobPhase::waiting);
  CHECK_FALSE(preempted.end);
  CHECK_FALSE(preempted.exit_code);
  CHECK(preempted.preempted);
  for (const char* other : {"qstat_f_queued", "qstat_f_second_run", "qstat_xf_too_many_failed_attempts"})
    CHECK_FALSE_MESSAGE(only_job(other).preempted, other);
}

TEST_CASE("a running job knows its hosts, each once, its start and how often it was started") {
  const Job job = only_job("qstat_f_running");
  CHECK(job.id == "27.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov");
  CHECK(job.name == "bigjob");
  CHECK(job.queue == "quick");
  CHECK(job.phase == JobPhase::running);
  CHECK(job.hosts == std::vector<std::string>{"x3001c0s1b0n0", "x3001c0s1b1n0"});
  CHECK(job.started.has_value());
  CHECK(job.runs == 1);
  CHECK(only_job("qstat_f_second_run").runs == 2);
}

TEST_CASE("how a job ended: Exit_status and substate together, never substate 92 alone") {
  struct Row {
    const char* recording;
    JobEnd end;
    std::optional<int> exit_code;
  };
  const Row rows[] = {
      {"qstat_xf_finished_ok", JobEnd::done, 0},
      {"qstat_xf_exit_42", JobEnd::failed, 42},
      {"qstat_xf_walltime", JobEnd::walltime, 143},
      {"qstat_xf_deleted_running", JobEnd::cancelled, 143},
      {"qstat_xf_preempted_deleted", JobEnd::preempted, 143},
      {"qstat_xf_deleted_queued", JobEnd::cancelled, std::nullopt},
      {"qstat_xf_dependency_failed", JobEnd::never_ran, std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.recording);
    const Job job = only_job(row.recording);
    CHECK(job.phase == JobPhase::ended);
    CHECK(job.end == row.end);
    CHECK(job.exit_code == row.exit_code);
  }
}

TEST_CASE("a job tells what it asked for, when it was queued and ended, and who holds it") {
  const Job running = only_job("qstat_f_running");
  CHECK(running.nodes == 2);
  CHECK(running.walltime == 1200);
  CHECK(running.hold == JobHold::none);
  CHECK(running.queued == running.started);
  CHECK(only_job("qstat_f_held_user").hold == JobHold::person);
  CHECK(only_job("qstat_xf_too_many_failed_attempts").hold == JobHold::system);
  const Job dependent = only_job("qstat_f_held_dependency");
  CHECK(dependent.hold == JobHold::dependency);
  CHECK(dependent.depends.starts_with("afterok:97.polaris-pbs-01."));
  const Job killed = only_job("qstat_xf_walltime");
  CHECK(*killed.finished - *killed.started == 27);
  CHECK_FALSE(only_job("qstat_xf_dependency_failed").finished.has_value());
  CHECK(jobs_of_qstat(recorded("qstat_f_array_running"))
            .at("94[].polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov")
            .members.starts_with("Queued:0 Running:"));
}

TEST_CASE("an array's members have ids of their own") {
  const auto jobs = jobs_of_qstat(recorded("qstat_xf_array_done"));
  REQUIRE(jobs.count("94[].polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov") == 1);
  CHECK(jobs.at("94[0].polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov").end == JobEnd::done);
}

TEST_CASE("an answer without jobs knows none of them, and one that is cut off is no answer") {
  CHECK(jobs_of_qstat(R"({"timestamp": 1, "pbs_version": "23.06.06"})").empty());
  const std::string whole = recorded("qstat_f_running");
  for (const size_t bytes : {size_t{0}, size_t{1}, whole.size() / 2, whole.size() - 4}) {
    CAPTURE(bytes);
    CHECK_THROWS_WITH_AS(jobs_of_qstat(whole.substr(0, bytes)), doctest::Contains("is cut off"), Error);
  }
}

TEST_CASE("bad escapes and control characters of older servers are mended, and numbers that were names stay text") {
  const auto jobs = jobs_of_qstat(
      "{\"Jobs\": {\"1.s\": {\"job_state\": \"Q\", \"Job_Name\": 123, \"comment\": \"C:\\Users\\x and \\\"quoted\\\" \x01 tab\t end\", "
      "\"estimated\": {\"start_time\": 1795453239}}}}");
  REQUIRE(jobs.size() == 1);
  const Job& job = jobs.at("1.s");
  CHECK(job.name == "123");
  CHECK(job.comment == "C:\\Users\\x and \"quoted\"   tab  end");
  CHECK(job.starts_at == 1795453239);
}

TEST_CASE("Q2: names, quotes, backslashes, newlines and functions in jobs' environments, as recorded; bytes that are no UTF-8") {
  const auto jobs = jobs_of_qstat(recorded("qstat_f_odd_environments"));
  REQUIRE(jobs.size() == 12);
  CHECK(jobs.at("144.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov").name == "007");
  for (const auto& [id, job] : jobs) CHECK(job.phase == JobPhase::held);
  const auto latin = jobs_of_qstat("{\"Jobs\": {\"1.s\": {\"job_state\": \"R\", \"Job_Name\": \"gr\xfcn\"}}}");
  CHECK(latin.at("1.s").name == "gr?n");
  const auto cut = jobs_of_qstat("{\"Jobs\": {\"1.s\": {\"job_state\": \"R\", \"Job_Name\": \"a\\u00 \\u0041\"}}}");
  CHECK(cut.at("1.s").name == "a\\u00 A");
}

TEST_CASE("a PBS exit status becomes what a shell would say") {
  CHECK(shell_code_of_pbs(0) == 0);
  CHECK(shell_code_of_pbs(75) == 75);
  CHECK(shell_code_of_pbs(139) == 139);
  CHECK(shell_code_of_pbs(271) == 143);
  CHECK(shell_code_of_pbs(265) == 137);
  CHECK(shell_code_of_pbs(-3) == 1);
}
