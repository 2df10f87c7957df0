#include "launcher/scheduler/known_jobs.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "engine/core/error.h"
#include "launcher/scheduler/answer_file.h"

namespace llmrun {
namespace {

/// Who is asked about a job. Machines that share a home have servers of their own, and one that is not reached from here must not hide the
/// jobs of another.
struct Asked {
  std::string scheduler;
  std::string server;  // of PBS, as the job's id names it
  auto operator<=>(const Asked&) const = default;
};

bool is_host_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-'; });
}

Asked asked_about(const QueuedJob& job) {
  const size_t dot = job.id.find('.');
  if (job.scheduler != "pbs" || dot == std::string::npos || !is_host_name(job.id.substr(dot))) return {job.scheduler, ""};
  return {job.scheduler, job.id.substr(dot + 1)};
}

std::filesystem::path file_of(const Asked& asked, const Variables& environment) {
  return status_cache_file(environment, asked.server.empty() ? asked.scheduler : asked.scheduler + "-" + asked.server);
}

std::map<Asked, std::vector<std::string>> ids_by_server(const std::vector<QueuedJob>& jobs) {
  std::map<Asked, std::vector<std::string>> ids;
  for (const QueuedJob& job : jobs) ids[asked_about(job)].push_back(job.id);
  return ids;
}

KnownJobs joined(const std::vector<QueuedJob>& jobs, const std::map<Asked, Sightings>& answers) {
  KnownJobs known;
  for (const QueuedJob& job : jobs) known.jobs.push_back({job, answers.at(asked_about(job)).jobs.at(job.id)});
  for (const auto& [asked, sightings] : answers) {
    if (sightings.trouble.empty()) continue;
    known.trouble = sightings.trouble;
    known.next_try = sightings.next_try;
  }
  return known;
}

}  // namespace

KnownJobs look_at_jobs(const std::vector<QueuedJob>& jobs, const Variables& environment) {
  std::map<Asked, Sightings> answers;
  std::optional<Error> unheard;
  for (const auto& [asked, ids] : ids_by_server(jobs)) {
    try {
      const auto scheduler = make_scheduler(asked.scheduler, environment);
      answers[asked] = StatusCache(file_of(asked, environment), *scheduler).look(ids);
    } catch (const Error& error) {  // told below: where another one answered, as `trouble`
      answers[asked] = recall(file_of(asked, environment), ids);
      answers[asked].trouble = error.what();
      unheard = error;
    }
  }
  KnownJobs known = joined(jobs, answers);
  const bool any = std::any_of(known.jobs.begin(), known.jobs.end(), [](const KnownJob& job) { return job.seen.as_of != 0; });
  if (unheard && !any) throw *unheard;
  return known;
}

KnownJobs recall_jobs(const std::vector<QueuedJob>& jobs, const Variables& environment) {
  std::map<Asked, Sightings> answers;
  for (const auto& [asked, ids] : ids_by_server(jobs)) answers[asked] = recall(file_of(asked, environment), ids);
  return joined(jobs, answers);
}

void outdate_answers(const QueuedJob& job, const Variables& environment) {
  write_outdated(file_of(asked_about(job), environment), system_clock_ms());
}

std::string state_word(const Sighting& seen) {
  if (!seen.job) return "unknown";
  // Every job of the list is one that llmrun queued, so this code is its own: a link of a chain, not a failure.
  if (seen.job->end == JobEnd::failed && seen.job->exit_code == static_cast<int>(Exit::resubmit)) return "stopped";
  if (seen.job->end) return std::string(spelling(*seen.job->end));
  return seen.unknown ? "unknown" : std::string(spelling(seen.job->phase));
}

}  // namespace llmrun
