#include "launcher/scheduler/status_cache.h"

#include <fstream>

#include "engine/core/error.h"
#include "launcher/scheduler/answer_file.h"
#include "launcher/scheduler/job_json.h"
#include "launcher/scheduler/pbs_status.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// A scheduler that says what the test tells it to, and counts the questions.
class Scripted final : public Scheduler {
 public:
  std::string_view name() const override { return "scripted"; }
  std::string submit(const Submission&) override { return "1.s"; }
  std::string find(const std::filesystem::path&, int64_t, const std::vector<std::string>&) override { return ""; }
  void hand_over(const std::string&, const std::string&) override {}
  void cancel(const std::string&) override {}
  std::map<std::string, Job> status(const std::vector<std::string>& ids) override {
    asked.push_back(ids);
    if (down) throw Error(Exit::unreachable, "qstat: cannot connect to server s (errno=15010)");
    std::map<std::string, Job> told;
    for (const std::string& id : ids)
      if (const auto job = jobs.find(id); job != jobs.end()) told.insert(*job);
    return told;
  }

  std::map<std::string, Job> jobs;
  std::vector<std::vector<std::string>> asked;
  bool down = false;
};

Job job(const std::string& id, JobPhase phase) {
  Job job;
  job.id = id;
  job.phase = phase;
  if (phase == JobPhase::ended) job.end = JobEnd::done;
  return job;
}

/// Processes of one user: each has a cache of its own over the same file, and the same clock.
struct User {
  User() {
    server.jobs["1.s"] = job("1.s", JobPhase::waiting);
    server.jobs["2.s"] = job("2.s", JobPhase::running);
    server.jobs["3.s"] = job("3.s", JobPhase::ended);
  }
  Sightings look(const std::vector<std::string>& ids) { return StatusCache(file(), server, clock()).look(ids); }
  Clock clock() {
    return [this] { return now; };
  }
  std::filesystem::path file() const { return home.path() / "state/status-scripted.json"; }
  std::string refusal(const std::vector<std::string>& ids) {
    try {
      look(ids);
      return "answered";
    } catch (const Error& error) {
      CHECK(error.code() == Exit::unreachable);
      return error.what();
    }
  }

  TemporaryDirectory home;
  Scripted server;
  int64_t now = 1'000'000'000;
};

}  // namespace

TEST_CASE("the processes of a user ask once in 15 s together, about every job that may have changed") {
  User user;
  const Sightings first = user.look({"1.s", "2.s", "3.s"});
  CHECK(first.jobs.at("1.s").job->phase == JobPhase::waiting);
  CHECK(first.jobs.at("2.s").as_of == user.now);
  CHECK(first.trouble.empty());
  user.now += 14'999;
  CHECK(user.look({"2.s"}).jobs.at("2.s").as_of == user.now - 14'999);
  CHECK(user.look({"3.s", "1.s"}).jobs.size() == 2);
  REQUIRE(user.server.asked.size() == 1);
  user.now += 1;
  user.server.jobs["1.s"].phase = JobPhase::running;
  CHECK(user.look({"1.s"}).jobs.at("1.s").job->phase == JobPhase::running);
  REQUIRE(user.server.asked.size() == 2);
  CHECK(user.server.asked[1] == std::vector<std::string>{"1.s", "2.s"});  // 3.s has ended: it will not change
  CHECK(user.look({"2.s"}).jobs.at("2.s").as_of == user.now);
  CHECK(user.server.asked.size() == 2);
}

TEST_CASE("a job that nobody asked about yet is asked about at once, and a changed job makes old what was answered") {
  User user;
  user.look({"1.s"});
  user.look({"1.s", "2.s"});
  CHECK(user.server.asked.size() == 2);
  user.now += 10;
  write_outdated(user.file(), user.now);
  user.now += 10;
  user.look({"2.s"});
  CHECK(user.server.asked.size() == 3);
  CHECK(recall(user.file(), {"1.s", "9.s"}).jobs.at("1.s").as_of == user.now);
  CHECK(user.server.asked.size() == 3);
}

TEST_CASE("Q2: a server that does not answer: the last known state with its age, and nobody asks for 1 to 60 s, in any process") {
  User user;
  user.look({"1.s"});
  user.server.down = true;
  int64_t longest = 0;
  for (int failure = 1; failure <= 9; ++failure) {
    CAPTURE(failure);
    user.now += StatusCache::kFreshMs;
    const size_t asked = user.server.asked.size();
    const Sightings old = user.look({"1.s"});
    CHECK(user.server.asked.size() == asked + 1);
    CHECK(old.jobs.at("1.s").job->phase == JobPhase::waiting);
    CHECK(old.jobs.at("1.s").as_of == 1'000'000'000);
    CHECK(old.trouble == "qstat: cannot connect to server s (errno=15010)");
    const int64_t rest = old.next_try - user.now, most = std::min<int64_t>(1000LL << (failure - 1), 60'000);
    CHECK(rest >= most / 2);
    CHECK(rest <= most);
    longest = std::max(longest, rest);
    user.now = old.next_try - 1;
    user.look({"1.s"});
    CHECK(user.server.asked.size() == asked + 1);
    CHECK(user.refusal({"77.s"}) == old.trouble);  // of this one nothing is known
    CHECK(user.server.asked.size() == asked + 1);
    user.now = old.next_try;
  }
  CHECK(longest > 30'000);
  user.server.down = false;
  CHECK(user.look({"1.s"}).trouble.empty());
  CHECK(user.look({"1.s"}).next_try == 0);
}

TEST_CASE("Q2: unknown is not failed, and is final only when the history does not know the job for a minute either") {
  User user;
  user.look({"1.s"});
  user.server.jobs.erase("1.s");
  for (int again = 0; again < 4; ++again) {
    user.now += 20'000;
    const Sighting gone = user.look({"1.s"}).jobs.at("1.s");
    CHECK(gone.unknown);
    CHECK(gone.settled == (again == 3));
    CHECK(gone.job->phase == JobPhase::waiting);  // what it was
  }
  const size_t asked = user.server.asked.size();
  user.now += 3'600'000;
  user.look({"1.s"});
  CHECK(user.server.asked.size() == asked);
}

TEST_CASE("Q2: a job that a server forgot while it came back is known again") {
  User user;
  user.look({"2.s"});
  const Job running = user.server.jobs.at("2.s");
  user.server.jobs.clear();
  user.now += 20'000;
  CHECK(user.look({"2.s"}).jobs.at("2.s").unknown);
  user.server.jobs["2.s"] = running;
  user.now += 20'000;
  CHECK_FALSE(user.look({"2.s"}).jobs.at("2.s").unknown);
}

TEST_CASE("a process that is stuck with the question does not block the others") {
  User user;
  user.look({"1.s"});
  user.now += 20'000;
  const AskerLock stuck(user.file());
  CHECK_FALSE(stuck.held_by_another());
  const Sightings old = user.look({"1.s"});
  CHECK(old.jobs.at("1.s").as_of == user.now - 20'000);
  CHECK(user.server.asked.size() == 1);
}

TEST_CASE("a damaged, foreign or unwritable file costs a question and nothing else") {
  User user;
  for (const char* content : {"", "{", "[]", "{\"version\": 2}", "{\"version\": 1, \"jobs\": 7}", "{\"version\": 1, \"jobs\": [{}]}",
                              "{\"version\": 1, \"jobs\": [], \"failures\": 3, \"next_try\": 99999999999999}"}) {
    CAPTURE(content);
    std::filesystem::create_directories(user.file().parent_path());
    std::ofstream(user.file()) << content;
    const size_t asked = user.server.asked.size();
    CHECK(user.look({"1.s"}).jobs.at("1.s").job.has_value());
    CHECK(user.server.asked.size() == asked + 1);
  }
  StatusCache nowhere("/proc/nowhere/status.json", user.server, user.clock());
  CHECK(nowhere.look({"1.s"}).jobs.at("1.s").job.has_value());
  StatusCache homeless("", user.server, user.clock());
  CHECK(homeless.look({"1.s"}).jobs.at("1.s").job.has_value());
}

TEST_CASE("a clock that was set back makes an answer old, not fresh for ever") {
  User user;
  user.look({"1.s"});
  user.now -= 3'600'000;
  user.look({"1.s"});
  CHECK(user.server.asked.size() == 2);
}

TEST_CASE("every recorded job comes back from the file as it was") {
  for (const char* name : {"qstat_f_all_mixed", "qstat_xf_walltime", "qstat_f_held_dependency", "qstat_xf_array_done"}) {
    std::ifstream in(std::string(LLMRUN_SOURCE_DIR) + "/tests/data/pbs/" + name + ".json");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (const auto& [id, job] : jobs_of_qstat(text)) CHECK(to_json(job_of_json(to_json(job))) == to_json(job));
  }
}
