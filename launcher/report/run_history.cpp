#include "launcher/report/run_history.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <map>

#include "engine/core/file.h"
#include "engine/core/file_modes.h"
#include "engine/core/run_paths.h"
#include "launcher/follow/job_of_attempt.h"
#include "launcher/report/exit_meaning.h"
#include "launcher/rundir/lock.h"
#include "launcher/rundir/log_name.h"
#include "launcher/scheduler/sweep.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

/// What a line of the list says of a run: that a job of it was queued, or that it was launched here.
struct Listed {
  std::string name;
  std::string first, last;
  std::vector<QueuedJob> jobs;
};

void note(Listed& run, const std::string& name, const std::string& time) {
  run.name = name;
  if (run.first.empty() || time < run.first) run.first = time;
  run.last = std::max(run.last, time);
}

std::map<std::string, Listed> listed_runs(const fs::path& list) {
  std::map<std::string, Listed> runs;
  std::ifstream in(list);
  for (std::string line; std::getline(in, line);) {
    const json entry = json::parse(line, nullptr, /*allow_exceptions=*/false);  // a line that was torn says nothing
    if (!entry.is_object()) continue;
    const QueuedJob job = queued_job_of(entry);
    const std::string event = entry.contains("event") && entry["event"].is_string() ? entry["event"].get<std::string>() : "";
    if (job.dir.empty() || (event != "submitted" && event != "launched")) continue;
    Listed& run = runs[job.dir];
    note(run, job.run, job.submitted);
    if (event == "submitted") run.jobs.push_back(job);
  }
  return runs;
}

std::string word_of_attempt(const Attempt& attempt, ExitCodes whose, const RunPaths& paths) {
  if (!attempt.exit) return is_locked(paths.lock()) ? "running" : "died";
  if (*attempt.exit == static_cast<int>(Exit::done)) return "done";
  return was_stopped(*attempt.exit, whose) ? "stopped" : "failed";
}

/// A job that its scheduler ended before or without an attempt; "queued" where nothing more is known of it.
std::string word_of_job(const KnownJob& job) {
  if (!job.seen.job && job.seen.as_of == 0) return "queued";
  return state_word(job.seen);
}

/// Whether a person took the run back, and its scheduler has told nothing since: `as_of`, milliseconds since 1970.
bool was_cancelled_since(int64_t as_of, const RunPaths& paths) {
  const std::optional<int64_t> at = read_job_history(paths.events()).cancelled;
  return at && as_of / 1000 <= *at;
}

void judge(RunHistory& run, const std::vector<KnownJob>& jobs, const RunPaths& paths) {
  const Attempt* attempt = run.record.attempts.empty() ? nullptr : &run.record.attempts.back();
  const KnownJob* job = jobs.empty() ? nullptr : &jobs.back();
  if (job != nullptr && (attempt == nullptr || is_newer(job->queued, job->seen, *attempt))) {
    run.state = word_of_job(*job);
    run.preempted = job->seen.job && job->seen.job->preempted;
    if (job->seen.job) run.exit_code = job->seen.job->exit_code;
    if (run.state == "unknown" && run.gone) run.state = "gone";
    const bool open = !job->seen.job || !job->seen.job->end;
    if (open && was_cancelled_since(job->seen.as_of, paths)) run.state = spelling(JobEnd::cancelled);
    return;
  }
  if (attempt == nullptr) {
    run.state = run.gone ? "gone" : "unknown";
    return;
  }
  run.state = word_of_attempt(*attempt, exit_codes_of(run.record), paths);
  run.exit_code = attempt->exit;
  if (run.exit_code.value_or(0) != 0) run.chain_stop = read_job_history(paths.events()).stop;
  if (run.chain_stop) run.exit_code = run.chain_stop->exit_code;
  // Killed with its job, or told to end: the scheduler knows why.
  const auto own = std::find_if(jobs.rbegin(), jobs.rend(), [&](const KnownJob& known) { return may_have_run(known.queued, *attempt); });
  const bool told_to_end = attempt->exit == static_cast<int>(Exit::terminated);
  if (run.state != "died" && !told_to_end) return;
  if (own == jobs.rend() || !own->seen.job || !own->seen.job->end) {
    if (read_job_history(paths.events()).cancelled) run.state = spelling(JobEnd::cancelled);
    return;
  }
  run.state = spelling(*own->seen.job->end);
  if (!told_to_end) run.exit_code = own->seen.job->exit_code;
}

void read_directory(RunHistory& run, const RunPaths& paths) {
  std::error_code none;
  run.gone = !fs::is_directory(paths.root(), none);
  try {
    run.record = read_record(paths.record());
  } catch (const Error&) {  // told as `damaged`: one bad file must not hide the other runs
    run.damaged = true;
  }
}

}  // namespace

std::span<const std::string_view> run_states() {
  static constexpr std::string_view kStates[] = {"queued",    "waiting", "held",    "suspended", "running",   "ended",
                                                 "done",      "failed",  "stopped", "cancelled", "preempted", "walltime",
                                                 "never ran", "died",    "unknown", "gone"};
  return kStates;
}

std::string end_text(const RunHistory& run, int exit_code) {
  if (run.chain_stop && exit_code == static_cast<int>(Exit::resubmit))
    return fmt::format("exit {}: stopped before its walltime, and no further job is queued", exit_code);
  return exit_text(exit_code, exit_codes_of(run.record));
}

std::string name_and_state(const RunHistory& run) {
  const bool failed = run.exit_code && *run.exit_code != 0;
  return fmt::format("{} ({})", run.name, failed ? end_text(run, *run.exit_code) : run.state);
}

int64_t seconds_between(const std::string& start, const std::string& end) {
  return std::max<int64_t>(0, seconds_of_utc(end) - seconds_of_utc(start));
}

void append_launch(const fs::path& list, const std::string& run, const fs::path& dir, const std::string& time) {
  if (list.empty()) return;
  const json line{{"event", "launched"}, {"run", run}, {"dir", dir.string()}, {"time", time}};
  try {
    const OwnerOnly alone;
    fs::create_directories(list.parent_path());
    append_line(list, line.dump(-1, ' ', false, json::error_handler_t::replace));
  } catch (const Error&) {  // a home that is read-only or full: the run's own directory knows the launch too
  } catch (const fs::filesystem_error&) {
  }
}

RunHistory history_of(const fs::path& dir, std::vector<KnownJob> jobs, int64_t now) {
  const RunPaths paths(dir);
  RunHistory run;
  run.dir = dir;
  read_directory(run, paths);
  run.name = !run.record.name.empty() ? listed_name(dir, run.record.name)
             : !jobs.empty()          ? jobs.back().queued.run
                                      : dir.filename().string();
  judge(run, jobs, paths);
  std::vector<std::string> times;
  for (const KnownJob& job : jobs) {
    run.jobs.push_back(job.queued);
    times.push_back(job.queued.submitted);
  }
  for (const Attempt& attempt : run.record.attempts) {
    const bool runs = attempt.end.empty() && run.state == "running";
    run.seconds += runs                  ? seconds_between(attempt.start, utc_time(now))
                   : attempt.end.empty() ? 0
                                         : seconds_between(attempt.start, attempt.end);
    times.push_back(attempt.start);
    if (!attempt.end.empty()) times.push_back(attempt.end);
  }
  if (times.empty()) return run;
  run.first = *std::min_element(times.begin(), times.end());
  run.last = *std::max_element(times.begin(), times.end());
  return run;
}

std::vector<RunHistory> read_history(const fs::path& list, const Variables& environment, int64_t now) {
  const std::map<std::string, Listed> listed = listed_runs(list);
  std::vector<QueuedJob> all;
  for (const auto& [dir, run] : listed) all.insert(all.end(), run.jobs.begin(), run.jobs.end());
  const std::vector<KnownJob> known = recall_jobs(all, environment).jobs;
  std::vector<RunHistory> runs;
  auto next = known.begin();
  for (const auto& [dir, run] : listed) {
    const auto end = next + static_cast<std::ptrdiff_t>(run.jobs.size());
    RunHistory history = history_of(dir, {next, end}, now);
    next = end;
    if (history.record.name.empty()) history.name = run.name;
    if (history.first.empty() || run.first < history.first) history.first = run.first;
    history.last = std::max(history.last, run.last);
    runs.push_back(std::move(history));
  }
  std::stable_sort(runs.begin(), runs.end(), [](const RunHistory& a, const RunHistory& b) { return a.last < b.last; });
  return runs;
}

}  // namespace llmrun
