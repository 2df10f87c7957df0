#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/ui/job_text.h"
#include "cli/ui/table.h"
#include "launcher/follow/waiting_text.h"
#include "launcher/report/exit_meaning.h"
#include "launcher/scheduler/job_json.h"

namespace llmrun::cli {
namespace {

struct StatusOptions {
  std::vector<std::string> jobs;  // run names, directories or job ids; empty: the newest
  int64_t most = 20;
};

std::vector<QueuedJob> chosen(const StatusOptions& options, const std::vector<QueuedJob>& all) {
  std::vector<QueuedJob> jobs;
  for (const std::string& word : options.jobs) jobs.push_back(find_job(all, word));
  if (!options.jobs.empty()) return jobs;
  const size_t most = std::min(all.size(), static_cast<size_t>(options.most));
  return {all.end() - static_cast<std::ptrdiff_t>(most), all.end()};
}

/// The scheduler's words on why it waits; where it runs; how it ended.
std::string reason(const KnownJob& job) {
  if (!job.seen.job) return "";
  if (state_word(job.seen) == "unknown")
    return fmt::format("was {}; its scheduler does not know it any more", spelling(job.seen.job->phase));
  const Job& seen = *job.seen.job;
  if (seen.phase == JobPhase::running) return on_hosts(seen.hosts);
  if (seen.phase != JobPhase::ended) return seen.comment;
  return seen.end == JobEnd::failed && seen.exit_code ? exit_text(*seen.exit_code) : "";
}

std::vector<std::string> row(const KnownJob& job, int64_t now) {
  const Job* seen = job.seen.job ? &*job.seen.job : nullptr;
  return {state_word(job.seen),
          seen != nullptr && !seen->queue.empty() ? seen->queue : "-",
          seen != nullptr && seen->nodes > 0 ? std::to_string(seen->nodes) : "-",
          seen != nullptr ? time_text(*seen, now) : "-",
          short_id(job.queued.id),
          job.queued.run,
          reason(job)};
}

json job_json(const KnownJob& job, int64_t now) {
  json line{{"run", job.queued.run},
            {"job_id", job.queued.id},
            {"dir", job.queued.dir},
            {"scheduler", job.queued.scheduler},
            {"submitted", job.queued.submitted},
            {"state", state_word(job.seen)},
            {"age_s", job.seen.as_of == 0 ? json() : json(now - job.seen.as_of / 1000)}};
  if (job.seen.job) line.update(to_json(*job.seen.job));
  return line;
}

void status(const StatusOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const KnownJobs known = look_at_jobs(chosen(options, read_jobs(job_list_file(environment))), environment);
  const int64_t now = std::time(nullptr);
  if (context.json) {
    json jobs = json::array();
    for (const KnownJob& job : known.jobs) jobs.push_back(job_json(job, now));
    const json document{{"version", 1}, {"jobs", jobs}, {"trouble", known.trouble.empty() ? json() : json(known.trouble)}};
    return context.out().print("{}\n", document.dump(2, ' ', false, json::error_handler_t::replace));
  }
  if (known.jobs.empty()) return context.talk().print("No job was queued yet. Next:\n  llmrun submit my-run.yaml\n");
  Table table({"STATE", "QUEUE", "NODES", "TIME", "JOB", "RUN", "REASON"});
  for (const KnownJob& job : known.jobs) table.add(row(job, now));
  context.out().write(table.text(context.out().is_terminal() ? context.out().columns() : 0));
  context.talk().write(freshness_text(known, now));
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto options = std::make_shared<StatusOptions>();
  auto* command = app.add_subcommand("status", "Where queued jobs stand, with the scheduler's reason");
  command->add_option("jobs", options->jobs, "Run names, directories, job ids or 'last'; default: the newest")->type_name("RUN");
  command->add_option("-n,--most", options->most, "Jobs to show where none is named")->capture_default_str()->check(CLI::PositiveNumber);
  command->footer(
      "All llmrun commands of a user together ask the scheduler once in 15 s: older answers are told with their age. A job that the\n"
      "scheduler does not know any more is unknown, which is not failed. Why a job waits: llmrun explain RUN\n"
      "Examples:\n  llmrun status\n  llmrun status my-run");
  command->callback([=, &context] { status(*options, context); });
}

}  // namespace llmrun::cli
