#include "cli/ui/job_text.h"

#include <algorithm>

#include "cli/ui/table.h"
#include "engine/core/units.h"
#include "launcher/scheduler/job_json.h"

namespace llmrun::cli {
namespace {

/// Seconds since the oldest answer that may not hold any more.
int64_t oldest(const KnownJobs& known, int64_t now) {
  int64_t age = 0;
  for (const KnownJob& job : known.jobs)
    if (!job.seen.settled && job.seen.as_of != 0) age = std::max(age, now - job.seen.as_of / 1000);
  return age;
}

}  // namespace

std::string time_text(const Job& job, int64_t now) {
  std::string text = "-";
  if (job.started && job.phase != JobPhase::waiting && job.phase != JobPhase::held)
    text = format_duration(std::max<int64_t>(0, job.finished.value_or(now) - *job.started));
  return job.walltime ? fmt::format("{}/{}", text, format_duration(*job.walltime)) : text;
}

json to_json(const KnownJob& job, int64_t now) {
  json line{{"run", job.queued.run},
            {"job_id", job.queued.id},
            {"dir", job.queued.dir},
            {"scheduler", job.queued.scheduler},
            {"submitted", job.queued.submitted},
            {"state", state_word(job.seen)},
            {"age_s", job.seen.as_of == 0 ? json() : json(now - job.seen.as_of / 1000)}};
  if (job.seen.job) line.update(llmrun::to_json(*job.seen.job));
  return line;
}

std::string freshness_text(const KnownJobs& known, int64_t now) {
  const int64_t age = oldest(known, now);
  if (known.trouble.empty()) return age > 0 ? fmt::format("As of {} ago.\n", age_text(age)) : "";
  const int64_t wait = std::max<int64_t>(0, known.next_try / 1000 - now);
  return fmt::format(
      "llmrun: warning: {}\nWhat was known {} ago; jobs go on while their server is away. It is asked again in {} s at most.\n",
      one_line(known.trouble), age_text(age), wait);
}

}  // namespace llmrun::cli
