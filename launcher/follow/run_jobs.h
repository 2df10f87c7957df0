#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launcher/scheduler/job.h"
#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/status_cache.h"

namespace llmrun {

/// A job and what its scheduler last said of it.
struct JobNews {
  QueuedJob queued;
  std::optional<Job> job;  // empty: no answer yet, or not known any more
  int64_t as_of = 0;       // of the newest answer, milliseconds since 1970; 0: none yet
  int absent = 0;          // answers in a row that did not know it
};

/// The jobs of one run, of which a chain has several, asked about at most every `every`, and less often while nobody answers.
class RunJobs {
 public:
  /// Every job of the run, oldest first: read anew at each question, for a job of a chain queues the next one.
  using List = std::function<std::vector<QueuedJob>()>;
  /// What their schedulers say of `jobs`, by id; the same answer may come again, for many share it. Throws Error where one does not answer.
  using Ask = std::function<std::map<std::string, Sighting>(const std::vector<QueuedJob>& jobs)>;

  RunJobs(List list, Ask ask, std::chrono::milliseconds every);

  /// Asks if it is time to; true where it did.
  bool ask();
  /// Asks at the next call, whenever the last one was.
  void ask_soon() { next_ = {}; }
  bool none() const { return news_.empty(); }
  const std::vector<JobNews>& news() const { return news_; }  // oldest first
  /// Why the last question was not answered; empty where it was. No answer says nothing about a job.
  const std::string& trouble() const { return trouble_; }

 private:
  void take(const std::vector<QueuedJob>& jobs, const std::map<std::string, Sighting>& answers);

  List list_;
  Ask ask_;
  std::chrono::milliseconds every_, pause_;
  std::chrono::steady_clock::time_point next_{};
  std::vector<JobNews> news_;
  std::string trouble_;
};

/// Also one that its scheduler forgot. A job that was known a moment ago, or that was queued a moment ago, is forgotten at the second such
/// answer only.
bool has_ended(const JobNews& news);

}  // namespace llmrun
