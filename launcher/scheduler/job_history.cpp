#include "launcher/scheduler/job_history.h"

#include <algorithm>
#include <fstream>

#include "engine/core/file.h"
#include "engine/core/json.h"
#include "launcher/rundir/log_name.h"

namespace llmrun {
namespace {

void append_event(const std::filesystem::path& events, std::string_view event, json rest, std::time_t now) {
  json line{{"event", event}, {"time", utc_time(now)}};
  line.update(rest);
  append_line(events, line.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// A person queues the run: what was before does not count any more.
void begin_afresh(JobHistory& history) {
  history.chained.clear();
  history.begun.clear();
  history.cancelled.reset();
  history.stop.reset();
}

void take_queued(JobHistory& history, QueuedJob job) {
  if (job.by.empty() && !history.doubt) begin_afresh(history);  // without a word before it: a member of a sweep, or `qsub job.sh` by hand
  history.doubt.reset();
  if (!job.by.empty()) history.chained.push_back(job);
  history.jobs.push_back(std::move(job));
}

/// One event; throws json::exception where it is not as it was written here.
void take(JobHistory& history, const json& line) {
  const std::string event = line.at("event");
  if (event == "submitted") {
    take_queued(history, queued_job_of(line));
  } else if (event == "queueing") {
    history.doubt = {seconds_of_utc(line.at("time")), line.at("by")};
    if (history.doubt->by.empty()) begin_afresh(history);
  } else if (event == "not_queued") {
    history.doubt.reset();
  } else if (event == "cancelled") {
    history.cancelled = seconds_of_utc(line.at("time"));
  } else if (event == "begun") {
    history.begun.push_back({line.at("job_id"), line.at("step")});
  } else if (event == "attempt_begun") {
    history.stop.reset();
  } else if (event == "chain_ended") {
    history.stop = {line.at("reason"), line.at("exit")};
  }
}

}  // namespace

std::vector<std::string> JobHistory::ids() const {
  std::vector<std::string> all;
  for (const QueuedJob& job : jobs) all.push_back(job.id);
  return all;
}

bool JobHistory::knows(std::string_view id) const {
  return std::any_of(jobs.begin(), jobs.end(), [&](const QueuedJob& job) { return job.id == id; });
}

std::string JobHistory::successor(std::string_view id) const {
  const auto found = std::find_if(chained.begin(), chained.end(), [&](const QueuedJob& job) { return job.by == id; });
  return found == chained.end() ? "" : found->id;
}

JobHistory read_job_history(const std::filesystem::path& events) {
  JobHistory history;
  std::ifstream in(events);
  for (std::string text; std::getline(in, text);) {
    const json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!line.is_object() || !line.contains("event")) continue;
    try {
      take(history, line);
    } catch (const json::exception&) {
      continue;  // somebody else's event of the same name
    }
  }
  return history;
}

void note_queueing(const std::filesystem::path& events, const std::string& by, std::time_t now) {
  append_event(events, "queueing", {{"by", by}}, now);
}

void note_not_queued(const std::filesystem::path& events, const std::string& why, std::time_t now) {
  append_event(events, "not_queued", {{"why", why}}, now);
}

void note_cancelled(const std::filesystem::path& events, std::time_t now) { append_event(events, "cancelled", json::object(), now); }

void note_begun(const std::filesystem::path& events, const BegunAttempt& attempt, std::time_t now) {
  append_event(events, "begun", {{"job_id", attempt.job}, {"step", attempt.step}}, now);
}

void note_chain_ended(const std::filesystem::path& events, std::string_view reason, int exit_code, std::time_t now) {
  append_event(events, "chain_ended", {{"reason", reason}, {"exit", exit_code}}, now);
}

}  // namespace llmrun
