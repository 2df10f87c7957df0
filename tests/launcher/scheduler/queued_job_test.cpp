#include "launcher/scheduler/queued_job.h"

#include <fstream>

#include "engine/core/error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

std::vector<QueuedJob> jobs() {
  return {{"1.server", "pbs", "king", "/runs/king", "2026-11-24T08:00:00Z"},
          {"12.server", "pbs", "king-long", "/runs/king-long", "2026-11-24T09:00:00Z"},
          {"13.server", "pbs", "king", "/runs/king", "2026-11-24T10:00:00Z"},
          {"94[].server", "pbs", "sweep", "/runs/sweep", "2026-11-24T11:00:00Z"}};
}

}  // namespace

TEST_CASE("a list of jobs comes back as it was written, less a line that was torn") {
  const TemporaryDirectory home;
  const auto list = job_list_file(Variables({{"HOME", home.path().string()}}));
  CHECK(list == home.path() / ".local/state/llmrun/jobs.jsonl");
  CHECK(read_jobs(list).empty());
  for (const QueuedJob& job : jobs()) append_job(list, job);
  std::ofstream(list, std::ios::app) << R"({"event":"submitted","job_id":"95.ser)";
  const auto back = read_jobs(list);
  REQUIRE(back.size() == 4);
  CHECK(back[3].id == "94[].server");
  CHECK(back[1].run == "king-long");
  CHECK(back[1].dir == "/runs/king-long");
  CHECK(back[0].submitted == "2026-11-24T08:00:00Z");
  CHECK(job_list_file(Variables({{"XDG_STATE_HOME", "/state"}, {"HOME", "/home/ada"}})) == "/state/llmrun/jobs.jsonl");
  CHECK(job_list_file(Variables()).empty());
}

TEST_CASE("a word means the newest job of a run, of a directory, of a prefix, or an id up to its server") {
  CHECK(find_job(jobs(), "king").id == "13.server");
  CHECK(find_job(jobs(), "king-").id == "12.server");
  CHECK(find_job(jobs(), "1").id == "1.server");
  CHECK(find_job(jobs(), "12.server").id == "12.server");
  CHECK(find_job(jobs(), "94[]").id == "94[].server");
  CHECK(find_job(jobs(), "/runs/king-long").id == "12.server");
  CHECK(find_job(jobs(), "last").id == "94[].server");
  CHECK_THROWS_WITH_AS(find_job(jobs(), "ki"), "'ki' fits 2 runs: king, king-long", Error);
  std::vector<QueuedJob> more = jobs();
  more.push_back({"95[0].server", "pbs", "lrs/lr=1e-4", "/runs/lrs/lr=1e-4", "2026-11-24T12:00:00Z"});
  more.push_back({"95[].server", "pbs", "lrs", "/runs/lrs", "2026-11-24T12:00:00Z"});
  more.push_back({"96.server", "pbs", "lrs/lr=1e-4", "/runs/lrs/lr=1e-4", "2026-11-24T13:00:00Z"});
  CHECK(find_job(more, "lr").id == "95[].server");  // a sweep and its members are one
  CHECK(find_job(more, "lrs/l").id == "96.server");
  more.erase(more.end() - 2);
  CHECK(find_job(more, "lr").id == "96.server");  // of a sweep of which one member alone was queued
  CHECK_THROWS_WITH_AS(find_job(jobs(), "queen"), "no job 'queen'", Error);
  CHECK_THROWS_WITH_AS(find_job({}, "last"), "no job 'last'", Error);
}
