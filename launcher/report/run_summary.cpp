#include "launcher/report/run_summary.h"

#include "launcher/report/last_lines.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;
constexpr size_t kFewMetrics = 3;  // lines: the last may be torn, the first cut

}  // namespace

json last_metrics(const RunPaths& paths) {
  json last;
  for (const std::string& line : last_lines(paths.metrics(), kFewMetrics)) {
    json metrics = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (metrics.is_object()) last = std::move(metrics);
  }
  return last;
}

std::optional<Plan> plan_of_run(const RunPaths& paths) {
  std::error_code none;
  if (!fs::exists(paths.plan(), none)) return std::nullopt;
  try {
    return read_plan(paths.plan());
  } catch (const Error&) {  // of another version, or damaged: what else there is can still be shown
    return std::nullopt;
  }
}

json attempt_json(const Attempt& attempt, ExitCodes whose) {
  const std::string meaning = attempt.exit ? exit_meaning(*attempt.exit, whose) : "";
  return {{"number", attempt.number},
          {"start", attempt.start},
          {"end", attempt.end.empty() ? json() : json(attempt.end)},
          {"ranks", attempt.ranks},
          {"job_id", attempt.job.empty() ? json() : json(attempt.job)},
          {"exit_code", attempt.exit ? json(*attempt.exit) : json()},
          {"meaning", meaning.empty() ? json() : json(meaning)},
          {"log", attempt.log}};
}

std::optional<Failure> failure_of_attempt(const RunPaths& paths, const Attempt& attempt, ExitCodes whose, const std::optional<Plan>& plan) {
  if (!attempt.exit || *attempt.exit == 0 || was_stopped(*attempt.exit, whose))
    return std::nullopt;  // ranks that were told to stop may still miss each other on the way
  Launch launch;
  if (plan) launch.hosts = plan->hosts;
  if (plan) launch.ranks_are_threads = plan->communicator == CommunicatorKind::thread;
  Ending ending;
  ending.exit_code = *attempt.exit;
  ending.death = attempt.death;
  return find_failure(paths, attempt.number, launch, ending, error_reports_at_end(attempt.log));
}

}  // namespace llmrun
