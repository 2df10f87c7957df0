#include "launcher/follow/run_jobs.h"

#include <algorithm>

#include "engine/core/error.h"
#include "launcher/rundir/log_name.h"

namespace llmrun {
namespace {

constexpr size_t kMostJobs = 16;   // of a long chain, those at its end
constexpr int kLongestPause = 4;   // times `every`, while nobody answers
constexpr std::time_t kNew = 120;  // seconds

constexpr int kForgotten = 2;  // answers that did not know a job which was known, or queued, a moment ago

bool is_new(const QueuedJob& job) { return job.submitted > utc_time(std::time(nullptr) - kNew); }

/// A job that was known and is not now keeps what was known of it, for one answer.
JobNews updated(JobNews news, const Sighting& seen) {
  if (seen.as_of == news.as_of) return news;  // heard before
  news.as_of = seen.as_of;
  const bool known = seen.job && (!seen.unknown || seen.job->end);
  news.absent = known ? 0 : seen.settled ? kForgotten : news.absent + 1;
  if (known || news.absent >= kForgotten) news.job = known ? seen.job : std::nullopt;
  return news;
}

}  // namespace

bool has_ended(const JobNews& news) {
  if (news.job) return news.job->phase == JobPhase::ended;
  return news.absent >= (is_new(news.queued) ? kForgotten : 1);
}

RunJobs::RunJobs(List list, Ask ask, std::chrono::milliseconds every)
    : list_(std::move(list)), ask_(std::move(ask)), every_(every), pause_(every) {}

void RunJobs::take(const std::vector<QueuedJob>& jobs, const std::map<std::string, Sighting>& answers) {
  std::vector<JobNews> fresh;
  for (const QueuedJob& job : jobs) {
    const auto old = std::find_if(news_.begin(), news_.end(), [&](const JobNews& news) { return news.queued.id == job.id; });
    const auto answer = answers.find(job.id);
    JobNews news = old == news_.end() ? JobNews{job, {}} : *old;
    fresh.push_back(answer == answers.end() ? std::move(news) : updated(std::move(news), answer->second));
  }
  news_ = std::move(fresh);
}

bool RunJobs::ask() {
  if (std::chrono::steady_clock::now() < next_) return false;
  std::vector<QueuedJob> jobs = list_();
  if (jobs.size() > kMostJobs) jobs.erase(jobs.begin(), jobs.end() - kMostJobs);
  try {
    take(jobs, jobs.empty() ? std::map<std::string, Sighting>() : ask_(jobs));
    trouble_.clear();
    pause_ = every_;
  } catch (const Error& error) {
    if (news_.empty())
      for (const QueuedJob& job : jobs) news_.push_back({job, {}});
    trouble_ = error.what();
    pause_ = std::min(2 * pause_, kLongestPause * every_);
  }
  next_ = std::chrono::steady_clock::now() + pause_;
  return true;
}

}  // namespace llmrun
