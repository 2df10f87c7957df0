#include "launcher/scheduler/known_jobs.h"

#include <map>
#include <optional>

#include "engine/core/error.h"
#include "launcher/scheduler/answer_file.h"

namespace llmrun {
namespace {

std::map<std::string, std::vector<std::string>> ids_by_scheduler(const std::vector<QueuedJob>& jobs) {
  std::map<std::string, std::vector<std::string>> ids;
  for (const QueuedJob& job : jobs) ids[job.scheduler].push_back(job.id);
  return ids;
}

/// `answers` may lack the jobs of a scheduler that was not heard.
KnownJobs joined(const std::vector<QueuedJob>& jobs, const std::map<std::string, Sightings>& answers) {
  KnownJobs known;
  for (const QueuedJob& job : jobs) {
    const auto of_scheduler = answers.find(job.scheduler);
    Sighting seen;
    if (of_scheduler != answers.end()) seen = of_scheduler->second.jobs.at(job.id);
    known.jobs.push_back({job, seen});
  }
  for (const auto& [name, sightings] : answers) {
    if (sightings.trouble.empty()) continue;
    known.trouble = sightings.trouble;
    known.next_try = sightings.next_try;
  }
  return known;
}

}  // namespace

KnownJobs look_at_jobs(const std::vector<QueuedJob>& jobs, const Variables& environment) {
  std::map<std::string, Sightings> answers;
  std::optional<Error> unheard;
  for (const auto& [name, ids] : ids_by_scheduler(jobs)) {
    const auto scheduler = make_scheduler(name, environment);
    try {
      answers[name] = StatusCache(status_cache_file(environment, name), *scheduler).look(ids);
    } catch (const Error& error) {
      if (error.code() != Exit::unreachable) throw;
      unheard = error;
    }
  }
  if (unheard && answers.empty()) throw *unheard;
  KnownJobs known = joined(jobs, answers);
  if (unheard) known.trouble = unheard->what();
  return known;
}

KnownJobs recall_jobs(const std::vector<QueuedJob>& jobs, const Variables& environment) {
  std::map<std::string, Sightings> answers;
  for (const auto& [name, ids] : ids_by_scheduler(jobs)) answers[name] = recall(status_cache_file(environment, name), ids);
  return joined(jobs, answers);
}

void outdate_answers(std::string_view scheduler, const Variables& environment) {
  write_outdated(status_cache_file(environment, scheduler), system_clock_ms());
}

std::string state_word(const Sighting& seen) {
  if (!seen.job) return "unknown";
  if (seen.job->end) return std::string(spelling(*seen.job->end));
  return seen.unknown ? "unknown" : std::string(spelling(seen.job->phase));
}

}  // namespace llmrun
