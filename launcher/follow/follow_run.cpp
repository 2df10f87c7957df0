#include "launcher/follow/follow_run.h"

#include <algorithm>

#include "engine/core/error.h"
#include "engine/core/file.h"
#include "engine/core/plan.h"
#include "launcher/follow/job_of_attempt.h"
#include "launcher/follow/rank_list.h"
#include "launcher/rundir/lock.h"
#include "launcher/site/hostfile.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kPoll{500};  // where no event comes
constexpr milliseconds kRest{20};   // between two looks, however many events come

/// Of a run of ours by its plan, of another program by its hostfile.
std::vector<PlanHost> hosts_of(const RunPaths& paths) {
  std::error_code none;
  if (fs::exists(paths.plan(), none)) return read_plan(paths.plan()).hosts;
  std::vector<PlanHost> hosts;
  for (const Host& host : parse_hostfile(read_file(paths.hostfile(), Exit::preflight), paths.hostfile().string()).hosts)
    hosts.push_back({host.name, std::max<int64_t>(1, host.slots)});
  return hosts;
}

/// Which ranks' logs are wanted; empty: the combined log.
std::vector<int64_t> wanted_ranks(const FollowRequest& request, const Attempt& attempt) {
  if (request.ranks.empty() && request.hosts.empty()) return {};
  std::vector<int64_t> ranks = parse_ranks(request.ranks, attempt.ranks);
  if (request.hosts.empty()) return ranks;
  const std::vector<int64_t> there = ranks_on_hosts(request.hosts, hosts_of(request.paths));
  std::vector<int64_t> both;
  std::set_intersection(ranks.begin(), ranks.end(), there.begin(), there.end(), std::back_inserter(both));
  if (both.empty())
    throw Error(Exit::usage, "no rank of '{}' is on '{}'", request.ranks, request.hosts).hint("-r all --hosts '{}'", request.hosts);
  return both;
}

std::vector<fs::path> files_of(const std::vector<int64_t>& ranks, const RunPaths& paths, const Attempt& attempt) {
  std::vector<fs::path> files;
  for (const int64_t rank : ranks) files.push_back(paths.rank_log(attempt.number, rank));
  if (ranks.empty()) files.emplace_back(attempt.log);
  return files;
}

/// The number of the attempt before the first one to follow.
int before_first(const FollowRequest& request, const RunRecord& record) {
  if (request.newer_than >= 0) return request.newer_than;
  int before = static_cast<int>(record.attempts.size()) - 1;
  const auto is_wanted = [&](const Attempt& attempt) {
    return wall_time_of_utc(attempt.end.empty() ? attempt.start : attempt.end) >= *request.start.since;
  };
  if (request.start.since)
    while (before > 0 && is_wanted(record.attempts[static_cast<size_t>(before) - 1])) --before;
  return before;
}

/// Whether a job may start a further attempt, after `last` has ended.
bool may_go_on(const JobNews& news, const std::optional<Attempt>& last) {
  if (has_ended(news)) return false;
  if (!last) return true;
  if (last->exit == 0) return news.queued.submitted > last->end;  // the rest of a chain finds that all is done
  return !news.job || !is_past(news.queued, *news.job, news.as_of, *last);
}

bool runs(const JobNews& news) {
  return !has_ended(news) && news.job && (news.job->phase == JobPhase::running || news.job->phase == JobPhase::suspended);
}

int exit_of(const JobNews& news) { return news.job ? news.job->exit_code.value_or(1) : 1; }

class Follower {
 public:
  Follower(const FollowRequest& request, RunJobs& jobs, FollowView& view)
      : request_(request), paths_(request.paths), jobs_(jobs), view_(view) {
    watcher_.watch(paths_.root());
    watcher_.watch(paths_.logs());
  }

  int run() {
    LogStart start = request_.start;
    int before = before_first(request_, read_record(paths_.record()));
    std::optional<Attempt> last;
    if (!attempt_above(before)) start.lines.reset();  // it is followed from its first line on: there is no history to cut
    while (const std::optional<Attempt> attempt = next_attempt(before, last)) {
      last = follow(*attempt, start);
      if (view_.gone()) return 0;
      before = attempt->number;
      start = {};
      jobs_.ask_soon();
    }
    if (last || view_.gone()) return last ? exit_of_run(*last) : 0;
    if (jobs_.none())
      throw Error(Exit::usage, "run '{}' was never started", paths_.root().filename().string())
          .hint("llmrun train {}", paths_.config().string());
    view_.job_ended(jobs_.news().back());
    return exit_of(jobs_.news().back());
  }

 private:
  std::optional<Attempt> attempt_above(int before) const {
    for (const Attempt& attempt : read_record(paths_.record()).attempts)
      if (attempt.number > before) return attempt;
    return {};
  }

  /// Of the last attempt, or of the chain that it ended.
  int exit_of_run(const Attempt& last) {
    const std::optional<ChainStop> stop = last.exit == 0 ? std::nullopt : read_job_history(paths_.events()).stop;
    if (!stop) return *last.exit;
    view_.chain_ended(*stop);
    return stop->exit_code;
  }

  /// Waits for it as long as a job may start it.
  std::optional<Attempt> next_attempt(int before, const std::optional<Attempt>& last) {
    while (!view_.gone()) {
      if (auto attempt = attempt_above(before)) return attempt;
      if (last && last->exit != 0 && is_locked(paths_.lock())) {  // whoever ended it is still there, and may be queueing the next job
        watcher_.wait(kRest, kPoll, view_.reader());
        jobs_.ask_soon();
        continue;
      }
      jobs_.ask();
      const JobNews* next = next_job(last);
      if (next == nullptr) return attempt_above(before);  // it may have begun between the two looks
      view_.waits(*next, jobs_.trouble());
      watcher_.wait(kRest, kPoll, view_.reader());
    }
    return {};
  }

  const JobNews* next_job(const std::optional<Attempt>& last) const {
    for (const JobNews& news : jobs_.news())
      if (may_go_on(news, last)) return &news;
    const bool unknown = !jobs_.trouble().empty() && !jobs_.none() && !(last && last->exit == 0);
    return unknown ? &jobs_.news().back() : nullptr;
  }

  /// What the record says of an attempt that is over.
  std::optional<Attempt> recorded_end(int number) const {
    const std::vector<Attempt> attempts = read_record(paths_.record()).attempts;
    Attempt known = attempts.at(static_cast<size_t>(number) - 1);
    const bool newer = attempts.size() > static_cast<size_t>(number);
    if (newer && !known.exit) known.exit = static_cast<int>(Exit::failed);
    return known.exit ? std::optional(known) : std::nullopt;
  }

  /// The attempt with its exit code once it is over; nothing while it runs.
  std::optional<Attempt> ended(const Attempt& attempt) {
    if (auto end = recorded_end(attempt.number)) return end;
    if (is_locked(paths_.lock())) return {};
    jobs_.ask();  // it died without a word, or holds its lock where we cannot see that
    const std::vector<JobNews>& news = jobs_.news();
    const auto runs_it = [&](const JobNews& job) { return runs(job) && may_have_run(job.queued, attempt); };
    if (!jobs_.none() && (!jobs_.trouble().empty() || std::any_of(news.begin(), news.end(), runs_it))) return {};
    if (auto end = recorded_end(attempt.number)) return end;  // between the two looks
    const auto ended_with_it = [&](const JobNews& job) { return has_ended(job) && may_have_run(job.queued, attempt); };
    const auto own = std::find_if(news.rbegin(), news.rend(), ended_with_it);
    Attempt dead = attempt;
    dead.exit = own == news.rend() ? static_cast<int>(Exit::failed) : exit_of(*own);
    return dead;
  }

  /// To its end; with its exit code, where the view was not gone before.
  Attempt follow(const Attempt& attempt, LogStart start) {
    // The plan of an attempt is written before its combined log: whoever reads hosts from it must wait for that.
    while (!request_.hosts.empty() && !fs::exists(attempt.log) && !ended(attempt) && !view_.gone())
      watcher_.wait(kRest, kPoll, view_.reader());
    const std::vector<int64_t> ranks = wanted_ranks(request_, attempt);
    if (!ranks.empty()) watcher_.watch(paths_.attempt(attempt.number));
    MergedLogs logs(files_of(ranks, paths_, attempt), start);
    view_.attempt_begins(attempt, ranks);
    const auto take = [&](size_t file, const LogLine& line) {
      view_.line(file, line);
      return !view_.gone();
    };
    for (std::chrono::steady_clock::time_point next_check{}; !view_.gone();) {
      std::optional<Attempt> end;
      if (const auto now = std::chrono::steady_clock::now(); now >= next_check) {
        next_check = now + kPoll;
        end = ended(attempt);  // before reading: what was written until then is read below
      }
      if (end)
        logs.finish(take);
      else
        logs.advance(take);
      view_.look_ends();
      if (end) {
        view_.attempt_ended(*end);
        return *end;
      }
      watcher_.wait(logs.pause(), logs.holding() ? milliseconds(0) : kPoll, view_.reader());
    }
    return attempt;
  }

  const FollowRequest& request_;
  const RunPaths& paths_;
  RunJobs& jobs_;
  FollowView& view_;
  ChangeWatcher watcher_;
};

}  // namespace

int follow_run(const FollowRequest& request, RunJobs& jobs, FollowView& view) { return Follower(request, jobs, view).run(); }

}  // namespace llmrun
