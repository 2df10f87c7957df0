#include "launcher/follow/follow_run.h"

#include <algorithm>
#include <fstream>
#include <functional>

#include "engine/core/error.h"
#include "engine/core/file.h"
#include "engine/core/plan.h"
#include "engine/core/run_paths.h"
#include "launcher/follow/followed_run.h"
#include "launcher/follow/waiting_text.h"
#include "launcher/rundir/log_name.h"
#include "launcher/rundir/run_dir.h"
#include "tests/support/shapes.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

using std::chrono::milliseconds;

/// A run, its jobs, and somebody who follows it. The world goes on when the follower is told something, so nothing here waits for a time.
struct Story : FollowView {
  explicit Story(std::vector<std::string> job_ids = {}) {
    for (size_t i = 0; i < job_ids.size(); ++i)
      queued.push_back({job_ids[i], "pbs", "king", root.string(), fmt::format("2023-10-11T09:0{}:00Z", i), ""});
  }

  // What happens.
  void begin(const std::string& text, const std::string& job = "") {
    lock.emplace(root);
    std::string warning;
    const Attempt attempt = lock->begin_attempt(text + ".log", 8, begun_at, warning, job);
    append_line(attempt.log, text);
  }
  void end(int exit) {
    lock->end_attempt(exit, 10, begun_at + 60);
    lock.reset();
  }
  void is(const std::string& id, JobPhase phase, const std::string& comment = "") {
    Job& job = known[id];
    job.id = id;
    job.queue = "debug";
    job.phase = phase;
    job.comment = comment;
  }

  /// Each a new one, but where everybody still shares the last.
  std::map<std::string, Sighting> answers() {
    if (!shared) ++as_of;
    std::map<std::string, Sighting> all;
    for (const QueuedJob& job : queued) {
      const auto found = known.find(job.id);
      all[job.id] = {found == known.end() ? std::nullopt : std::optional(found->second), as_of, found == known.end(), for_good};
    }
    return all;
  }

  std::string follow() {
    RunJobs jobs([this] { return queued; },
                 [this](const std::vector<QueuedJob>&) {
                   if (down) throw Error(Exit::unreachable, "no server");
                   return answers();
                 },
                 milliseconds(0));
    const int exit = follow_run(request, jobs, *this);
    return told + "exit " + std::to_string(exit);
  }

  // What the follower is told, and what happens then.
  void attempt_begins(const Attempt& attempt, const std::vector<int64_t>& ranks) override {
    tell(fmt::format("attempt {}", attempt.number));
    for (const int64_t rank : ranks) tell("rank " + std::to_string(rank));
  }
  void line(size_t, const LogLine& line) override { tell(std::string(line.text)); }
  void look_ends() override { after_look ? after_look() : void(); }
  void attempt_ended(const Attempt& attempt) override { tell("ended " + std::to_string(*attempt.exit)); }
  void waits(const JobNews& news, const std::string& trouble) override {
    const std::string text = waiting_text(news, trouble, begun_at);
    if (text != waiting) tell(text);
    waiting = text;
    if (!on_wait.empty()) std::exchange(on_wait, {on_wait.begin() + 1, on_wait.end()}).front()();
  }
  void chain_ended(const ChainStop& stop) override { tell("chain ended: " + stop.reason); }
  void job_ended(const JobNews& news) override { tell("job ended: " + (news.job ? news.job->comment : "unknown")); }
  bool gone() override { return left; }
  void tell(const std::string& text) { told += text + "\n"; }

  TemporaryDirectory directory;
  std::filesystem::path root = directory.path() / "outputs/king";
  FollowRequest request{RunPaths(root), "", "", {20, {}}, -1};
  std::time_t begun_at = 1'697'017'000;  // 2023-10-11T09:36:40Z
  std::optional<RunDir> lock;
  std::vector<QueuedJob> queued;
  std::map<std::string, Job> known;
  bool down = false, left = false, shared = false, for_good = false;
  int64_t as_of = 1'697'100'000'000;  // milliseconds: a day later
  std::vector<std::function<void()>> on_wait;
  std::function<void()> after_look;
  std::string told, waiting;
};

}  // namespace

TEST_CASE("a queued job is waited for with its reason, then its logs come, and the exit code is the run's") {
  Story story({"27.pbs"});
  story.is("27.pbs", JobPhase::waiting, "Not Running: Not enough free nodes available");
  story.request.start.lines = 1;  // of what was there before: nothing was
  story.on_wait = {[&] { story.is("27.pbs", JobPhase::held, "Job held by user"); },
                   [&] {
                     story.is("27.pbs", JobPhase::running);
                     story.known["27.pbs"].hosts = {"x3001", "x3002"};
                   },
                   [&] {
                     story.begin("hello");
                     append_line(read_record(RunPaths(story.root).record()).attempts.back().log, "world");
                   }};
  story.after_look = [&] {
    if (story.lock) story.end(137);
    story.is("27.pbs", JobPhase::ended);
  };
  CHECK(story.follow() ==
        "job 27 waits in debug: Not Running: Not enough free nodes available\n"
        "job 27 is held: Job held by user\n"
        "job 27 runs on x3001 and 1 more, no line from it yet\n"
        "attempt 1\nhello\nworld\nended 137\nexit 137");
}

TEST_CASE("T1: a chain is followed from attempt to attempt as long as a job is queued") {
  Story story({"27.pbs", "28.pbs"});
  story.begin("first");
  story.end(75);
  story.is("27.pbs", JobPhase::running);  // being cleaned up: it is not what comes next
  story.known["27.pbs"].started = story.begun_at - 30;
  story.is("28.pbs", JobPhase::held, "Job held, dependency");
  story.on_wait = {[&] {
    story.begun_at += 3600;
    story.is("28.pbs", JobPhase::running);
    story.begin("second");
  }};
  story.after_look = [&] {
    if (story.lock) story.end(0);
  };
  CHECK(story.follow() == "attempt 1\nfirst\nended 75\njob 28 is held: Job held, dependency\nattempt 2\nsecond\nended 0\nexit 0");
}

TEST_CASE("the job that ran an attempt is known by its id, whatever the clocks say of it and of the others") {
  Story story({"27.pbs", "28.pbs"});
  for (QueuedJob& job : story.queued) job.submitted = utc_time(story.begun_at);  // all within one second
  story.begin("first", "27.pbs");
  story.end(75);
  for (const char* id : {"27.pbs", "28.pbs"}) {
    story.is(id, JobPhase::running);
    story.known[id].started = story.begun_at + 5;  // by a clock that is ahead
  }
  story.on_wait = {[&] { story.begin("second", "28.pbs"); }};
  story.after_look = [&] {
    if (story.lock) story.end(0);
  };
  CHECK(story.follow() == "attempt 1\nfirst\nended 75\njob 28 runs, no line from it yet\nattempt 2\nsecond\nended 0\nexit 0");
}

TEST_CASE("a job that was preempted is followed into its next start, whether or not its attempt could write down its end") {
  for (const bool killed : {false, true}) {
    CAPTURE(killed);
    Story story({"27.pbs"});
    story.begin("first", "27.pbs");
    killed ? story.lock.reset() : story.end(143);
    story.is("27.pbs", killed ? JobPhase::waiting : JobPhase::running, "Not Running: Not enough free nodes available");
    if (!killed) story.known["27.pbs"].started = story.begun_at - 30;  // still being ended
    const auto put_back = [&] { story.is("27.pbs", JobPhase::waiting, "Not Running: Not enough free nodes available"); };
    const auto begin = [&] {
      story.begun_at += 3600;
      story.is("27.pbs", JobPhase::running);
      story.known["27.pbs"].started = story.begun_at;
      story.begin("second", "27.pbs");
    };
    story.on_wait.emplace_back(begin);
    if (!killed) story.on_wait.insert(story.on_wait.begin(), put_back);
    story.after_look = [&] {
      if (story.lock) story.end(0);
    };
    CHECK(story.follow() == std::string("attempt 1\nfirst\n") + (killed ? "ended 1\n" : "ended 143\njob 27 runs, no line from it yet\n") +
                                "job 27 waits in debug: Not Running: Not enough free nodes available\nattempt 2\nsecond\nended 0\nexit 0");
  }
}

TEST_CASE("an attempt in a job is dead when that job is, whatever other jobs of the run do, and ends with that job's code") {
  Story story({"27.pbs", "28.pbs"});
  story.begin("working", "27.pbs");
  story.lock.reset();
  story.is("27.pbs", JobPhase::ended);
  story.known["27.pbs"].exit_code = 137;
  story.is("28.pbs", JobPhase::running);
  story.on_wait = {[&] {
    story.is("28.pbs", JobPhase::ended);
    story.known["28.pbs"].exit_code = 5;
  }};
  CHECK(story.follow() == "attempt 1\nworking\nended 137\njob 28 runs, no line from it yet\nexit 137");
}

TEST_CASE("a run that is done is not waited for, whatever is left of its chain; a job that was queued after its end is") {
  Story story({"27.pbs", "28.pbs"});
  story.begin("all");
  story.end(0);
  story.is("28.pbs", JobPhase::waiting);
  CHECK(story.follow() == "attempt 1\nall\nended 0\nexit 0");
  story.told.clear();
  story.queued.back().submitted = utc_time(story.begun_at + 600);
  story.on_wait = {[&] { story.left = true; }};
  CHECK(story.follow() == "attempt 1\nall\nended 0\njob 28 waits in debug\nexit 0");
}

TEST_CASE("a job that ends before it starts anything is the last word, with its exit code") {
  Story story({"27.pbs"});
  story.is("27.pbs", JobPhase::waiting);
  story.on_wait = {[&] {
    story.is("27.pbs", JobPhase::ended, "gone");
    story.known["27.pbs"].exit_code = 5;
  }};
  CHECK(story.follow() == "job 27 waits in debug\njob ended: gone\nexit 5");
}

TEST_CASE("Q2: a scheduler that does not answer is not a job that ended, nor is one that forgets a job once") {
  Story story({"27.pbs"});
  story.is("27.pbs", JobPhase::waiting, "first");
  story.on_wait = {[&] { story.down = true; }, [&] { story.down = false, story.known.clear(); },
                   [&] { story.is("27.pbs", JobPhase::waiting, "again"); }, [&] { story.known.clear(); }};
  CHECK(story.follow() ==
        "job 27 waits in debug: first\n"
        "job 27 is out of sight: no server; asking again\n"
        "job 27 waits in debug: first\n"
        "job 27 waits in debug: again\n"
        "job ended: unknown\nexit 1");
}

TEST_CASE("Q2: an answer that does not know a job counts once, however often it is read, and one that forgot it for good at once") {
  Story story({"27.pbs"});
  story.queued.back().submitted = utc_time(std::time(nullptr));  // a moment ago
  int waits = 0;
  std::function<void()> look;
  look = [&] {
    story.shared = ++waits < 5;
    story.on_wait.push_back(look);
  };
  story.on_wait = {look};
  CHECK(story.follow() == "job 27 is not known to the scheduler any more\njob ended: unknown\nexit 1");
  CHECK(waits == 5);
  story.on_wait.clear();
  story.told.clear();
  story.for_good = true;
  CHECK(story.follow() == "job ended: unknown\nexit 1");
}

TEST_CASE("an attempt whose lock is not seen from here is alive as long as its job runs, and ends with its job's exit code") {
  Story story({"27.pbs"});
  story.begin("working");
  story.lock.reset();  // on another machine, for all that we see
  story.is("27.pbs", JobPhase::running);
  story.known["27.pbs"].started = story.begun_at - 30;
  int looks = 0;
  story.after_look = [&] {
    if (++looks < 3) return;
    story.is("27.pbs", JobPhase::ended);
    story.known["27.pbs"].exit_code = 143;
  };
  CHECK(story.follow() == "attempt 1\nworking\nended 143\nexit 143");
  CHECK(looks >= 3);
}

TEST_CASE("a run here whose llmrun died without a word has failed, and one that was never started says so") {
  Story story;
  story.begin("working");
  story.lock.reset();
  CHECK(story.follow() == "attempt 1\nworking\nended 1\nexit 1");
  Story never;
  CHECK_THROWS_WITH_AS(never.follow(), "run 'king' was never started", Error);
}

TEST_CASE("another attempt that begins ends the one before it") {
  Story story;
  story.begin("first");
  story.after_look = [&] {
    if (story.lock && story.lock->record().attempts.size() == 1) {
      story.lock.reset();
      story.begin("second");
    } else if (story.lock) {
      story.end(0);
    }
  };
  CHECK(story.follow() == "attempt 1\nfirst\nended 1\nattempt 2\nsecond\nended 0\nexit 0");
}

TEST_CASE("history goes back over attempts as far as --since, and not at all where only new attempts are wanted") {
  Story story;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    story.begin(fmt::format("{} x", attempt));
    story.end(1);
    story.begun_at += 3600;
  }
  const auto told = [&](LogStart start, int newer_than) {
    story.request.start = start;
    story.request.newer_than = newer_than;
    story.told.clear();
    story.follow();
    return story.told;
  };
  CHECK(told({20, {}}, -1).starts_with("attempt 3\n"));
  CHECK(told({{}, wall_time(story.begun_at - 2 * 3600)}, -1).starts_with("attempt 2\n"));
  CHECK(told({{}, wall_time(0)}, -1).starts_with("attempt 1\n"));
  CHECK_THROWS_AS(told({20, {}}, 3), Error);  // none is to come
}

TEST_CASE("ranks are chosen by number, by host, or by both") {
  Story story;
  story.begin("x");
  for (int rank = 0; rank < 8; ++rank) append_line(RunPaths(story.root).rank_log(1, rank), fmt::format("says {}", rank));
  story.request.ranks = "1,6";
  story.after_look = [&] {
    if (story.lock) story.end(0);
  };
  const std::string told = story.follow();
  CHECK(told == "attempt 1\nrank 1\nrank 6\nsays 1\nsays 6\nended 0\nexit 0");
  story.request.ranks = "9";
  CHECK_THROWS_AS(story.follow(), Error);

  Plan plan;
  plan.layout.data = 8;
  plan.model = gpt_shape(2, 64, 4, 257, 64);
  plan.hosts = {{"x3001", 4}, {"x3002", 4}};
  write_file_atomically(RunPaths(story.root).plan(), to_json(plan).dump());
  const auto lines = [&](const char* ranks, const char* hosts) {
    story.request.ranks = ranks;
    story.request.hosts = hosts;
    story.told.clear();
    story.follow();
    return story.told.substr(story.told.find("says"));
  };
  CHECK(lines("", "x3002*") == "says 4\nsays 5\nsays 6\nsays 7\nended 0\n");
  CHECK(lines("0-5", "x3002") == "says 4\nsays 5\nended 0\n");
  CHECK_THROWS_WITH_AS(lines("0-3", "x3002"), "no rank of '0-3' is on 'x3002'", Error);
}

TEST_CASE("a run is found by its job's id from anywhere, by name here before elsewhere, and last is the newest of both") {
  TemporaryDirectory directory;
  const std::filesystem::path here = std::filesystem::canonical(directory.path());
  RunDir run(here / "outputs/king");
  std::string warning;
  run.begin_attempt("a.log", 1, std::time(nullptr), warning);
  const std::vector<QueuedJob> old = {{"27.pbs", "pbs", "king", "/elsewhere/king", "2023-10-11T09:00:00Z", ""},
                                      {"28.pbs", "pbs", "queen", "/elsewhere/queen", "2023-10-11T09:00:00Z", ""}};
  CHECK(find_followed("27", here, old) == "/elsewhere/king");
  CHECK(find_followed("28.pbs", here, old) == "/elsewhere/queen");
  CHECK(find_followed("king", here, old) == here / "outputs/king");
  CHECK(find_followed("que", here, old) == "/elsewhere/queen");
  CHECK(find_followed("outputs/king", here, old) == here / "outputs/king");
  CHECK(find_followed("last", here, old) == here / "outputs/king");
  CHECK(find_followed("last", here, {{"29.pbs", "pbs", "jack", "/elsewhere/jack", utc_time(std::time(nullptr) + 60), ""}}) ==
        "/elsewhere/jack");
  CHECK_THROWS_AS(find_followed("jack", here, old), Error);
  RunDir(here / "outputs/rook-1").describe("rook-1", "0", {});
  RunDir(here / "outputs/rook-2").describe("rook-2", "0", {});
  for (const char* run : {"rook-1", "rook-2"}) std::ofstream(here / "outputs" / run / "plan.json") << "{}";
  CHECK_THROWS_WITH_AS(find_followed("rook", here, old), doctest::Contains("'rook' fits 2 runs: rook-"),
                       Error);  // also where jobs of others were queued
  CHECK_THROWS_WITH_AS(find_followed("rook", here, {}), doctest::Contains("'rook' fits 2 runs: rook-"), Error);
  CHECK(find_followed("rook", here, {{"30.pbs", "pbs", "rook", "/elsewhere/rook", "2023-10-11T09:00:00Z", ""}}) == "/elsewhere/rook");
  CHECK_THROWS_AS(find_followed("2", here, old), Error);  // no prefix of an id
  std::filesystem::create_directories(here / "outputs/waiting");
  append_job(RunPaths(here / "outputs/waiting").events(), {"30.pbs", "pbs", "waiting", (here / "outputs/waiting").string(), "", ""});
  CHECK(find_followed("outputs/waiting", here, {}) == here / "outputs/waiting");  // from a list of its own
  CHECK(jobs_of_run(here / "outputs/waiting", old).at(0).id == "30.pbs");
}

TEST_CASE("a job's own output is found beside the run") {
  TemporaryDirectory directory;
  const QueuedJob pbs{"27.pbs", "pbs", "king", directory.path().string(), "", ""};
  CHECK(output_of_job(pbs).empty());
  append_line(directory / "king.o127", "");
  CHECK(output_of_job(pbs).empty());
  append_line(directory / "king.o27", "");
  CHECK(output_of_job(pbs).filename() == "king.o27");
  const QueuedJob element{.id = "11_3", .scheduler = "slurm", .run = "king", .dir = pbs.dir, .submitted = "", .by = ""};
  CHECK(output_of_job(element).empty());
  std::filesystem::create_directories(RunPaths(pbs.dir).logs());
  std::ofstream(RunPaths(pbs.dir).logs() / "job-11_3.out") << "no such module\n";  // job-%A_%a.out
  CHECK(output_of_job(element).filename() == "job-11_3.out");
}

TEST_CASE("I2: a reason of several lines stays on one, an estimate that has passed is not shown") {
  JobNews news{{"27[].pbs", "pbs", "king", "", "", ""}, Job{}};
  news.job->queue = "prod";
  news.job->comment = "no\nnodes\tfree";
  news.job->starts_at = 1'697'017'000 + 90'000;
  CHECK(waiting_text(news, "", 1'697'017'000).starts_with("job 27[] waits in prod: no nodes free; starts about 2023-10-12 "));
  CHECK(waiting_text(news, "", 1'697'017'000 + 100'000) == "job 27[] waits in prod: no nodes free");
}

}  // namespace llmrun
