#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/run_meant.h"
#include "cli/ui/job_text.h"
#include "cli/ui/table.h"
#include "launcher/render/shell.h"
#include "launcher/report/exit_meaning.h"
#include "launcher/report/explanation.h"
#include "launcher/report/recorded_ends.h"
#include "launcher/report/reported_run.h"
#include "launcher/scheduler/dependency_text.h"
#include "launcher/scheduler/job_json.h"

namespace llmrun::cli {
namespace {

/// The job that the word names, else the newest.
std::optional<KnownJob> job_meant(const KnownJobs& jobs, const std::string& word) {
  for (const KnownJob& job : jobs.jobs)
    if (is_id(job.queued, word)) return job;
  return jobs.jobs.empty() ? std::nullopt : std::optional(jobs.jobs.back());
}

/// Of a job that waits, as far as is known.
std::optional<QueueAhead> ahead_of(const std::optional<KnownJob>& job, const KnownJobs& known, const Variables& environment) {
  const bool waits = job && job->seen.job && !job->seen.unknown && job->seen.job->phase == JobPhase::waiting;
  if (!waits || !known.trouble.empty()) return std::nullopt;  // nobody is asked again who has just not answered
  return queue_ahead(job->queued, job->seen.job->queue, *make_scheduler(job->queued.scheduler, environment), environment);
}

/// The user's jobs that it depends on, as they are now.
std::vector<KnownJob> waited_for(const std::optional<KnownJob>& job, const Variables& environment) {
  if (!job || !job->seen.job || job->seen.job->depends.empty()) return {};
  std::vector<QueuedJob> named;
  for (QueuedJob& other : read_jobs(job_list_file(environment)))
    if (other.scheduler == job->queued.scheduler && handed_over(job->seen.job->depends, other.id, other.id))
      named.push_back(std::move(other));
  KnownJobs known = named.empty() ? KnownJobs{} : recall_jobs(named, environment);
  believe_recorded_ends(known);
  return std::move(known.jobs);
}

json failure_json(const Failure& failure) {
  return {{"rank", failure.rank ? json(*failure.rank) : json()},
          {"host", failure.host},
          {"what", failure.what},
          {"because", failure.because},
          {"hint", failure.hint},
          {"section", failure.section},
          {"last_lines", failure.last_lines}};
}

json to_json(const Explanation& told, const ExplainedRun& run) {
  return {
      {"version", 1},
      {"run", run.history.name},
      {"dir", run.history.dir.string()},
      {"job_id", run.job ? json(run.job->queued.id) : json()},
      {"state", run.history.state},
      {"headline", told.headline},
      {"comment", told.comment},
      {"meaning", told.meaning},
      {"facts", told.facts},
      {"ahead",
       run.ahead ? json{{"jobs", run.ahead->jobs}, {"nodes", run.ahead->nodes}, {"tells_of_others", run.ahead->tells_of_others}} : json()},
      {"remedy", told.remedy},
      {"exit_code", told.exit_code ? json(*told.exit_code) : json()},
      {"chain_ended", run.history.chain_stop ? json(run.history.chain_stop->reason) : json()},
      {"failure", told.failure ? failure_json(*told.failure) : json()},
      {"job", run.job && run.job->seen.job ? to_json(*run.job->seen.job) : json()}};
}

void write_text(const Explanation& told, Context& context) {
  Output& out = context.out();
  out.print("{}\n", one_line(told.headline));
  if (!told.comment.empty()) out.print("  the scheduler says: {}\n", one_line(told.comment));
  if (!told.meaning.empty()) out.print("  that means: {}\n", one_line(told.meaning));
  for (const std::string& fact : told.facts) out.print("  {}\n", one_line(fact));
  if (told.failure) {
    out.print("  {}\n", one_line(failure_text(*told.failure)));
    for (const std::string& reason : told.failure->because) out.print("    = {}\n", one_line(reason));
    for (const std::string& line : told.failure->last_lines) out.print("    | {}\n", one_line(line));
  }
  if (!told.remedy.empty()) out.print("  hint: {}\n", one_line(told.remedy));
}

void explain_run(const std::string& word, Context& context) {
  const int64_t now = std::time(nullptr);
  const Variables environment = Variables::of_this_process();
  const ReportedRun run = report_run(word, std::filesystem::current_path(), environment, now);
  if (run.unheard && run.history.record.attempts.empty()) throw *run.unheard;  // only its scheduler knows why it waits
  const std::optional<KnownJob> job = job_meant(run.jobs, word);
  const ExplainedRun explained{shell_quoted(run.history.name),
                               run.history,
                               job,
                               machine_of(run),
                               run.plan,
                               ahead_of(job, run.jobs, environment),
                               members_of_sweep(run.history.dir, environment, now),
                               waited_for(job, environment)};
  const Explanation told = explain(explained, now);
  if (context.json) return context.out().print("{}\n", to_json(told, explained).dump(2, ' ', false, json::error_handler_t::replace));
  write_text(told, context);
  if (run.unheard) context.talk().print("llmrun: warning: {}\n", one_line(run.unheard->what()));
  context.talk().write(freshness_text(run.jobs, now));
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto word = std::make_shared<std::string>("last");
  auto* command = app.add_subcommand("explain", "Why a run waits, or why it ended, and what to do about it");
  command->add_option("run", *word, kRunMeant)->capture_default_str()->type_name("RUN");
  command->footer(
      "The scheduler's own words, what they mean, what the job asked for, what its queue takes and who waits there before it; of an ended "
      "run the exit code, the\n"
      "first rank that failed and the end of its log.\n"
      "Examples:\n  llmrun explain\n  llmrun explain 1126584");
  command->callback([=, &context] { explain_run(*word, context); });
}

}  // namespace llmrun::cli
