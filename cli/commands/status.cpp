#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "engine/core/json.h"
#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun::cli {
namespace {

struct StatusOptions {
  std::vector<std::string> jobs;  // run names, directories or job ids; empty: the newest
  int64_t most = 20;
};

/// A job and what its scheduler says of it now; nothing where it does not know it any more.
struct Known {
  QueuedJob queued;
  std::optional<Job> now;
};

std::vector<QueuedJob> chosen(const StatusOptions& options, const std::vector<QueuedJob>& all) {
  std::vector<QueuedJob> jobs;
  for (const std::string& word : options.jobs) jobs.push_back(find_job(all, word));
  if (!options.jobs.empty()) return jobs;
  const size_t most = std::min(all.size(), static_cast<size_t>(options.most));
  return {all.end() - static_cast<std::ptrdiff_t>(most), all.end()};
}

/// One question to each scheduler.
std::vector<Known> ask(const std::vector<QueuedJob>& jobs, const Variables& environment) {
  std::map<std::string, std::vector<std::string>> ids;
  for (const QueuedJob& job : jobs) ids[job.scheduler].push_back(job.id);
  std::map<std::string, Job> answers;
  for (const auto& [scheduler, wanted] : ids) answers.merge(make_scheduler(scheduler, environment)->status(wanted));
  std::vector<Known> known;
  for (const QueuedJob& job : jobs) {
    const auto answer = answers.find(job.id);
    known.push_back({job, answer == answers.end() ? std::nullopt : std::optional(answer->second)});
  }
  return known;
}

std::string state(const Known& job) {
  if (!job.now) return "unknown";
  return std::string(job.now->end ? spelling(*job.now->end) : spelling(job.now->phase));
}

json to_json(const Known& job) {
  json line{{"run", job.queued.run},
            {"job_id", job.queued.id},
            {"dir", job.queued.dir},
            {"submitted", job.queued.submitted},
            {"state", state(job)}};
  if (!job.now) return line;
  line["queue"] = job.now->queue;
  line["comment"] = job.now->comment;
  line["exit_code"] = job.now->exit_code ? json(*job.now->exit_code) : json();
  line["hosts"] = job.now->hosts;
  return line;
}

void status(const StatusOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const std::vector<Known> jobs = ask(chosen(options, read_jobs(job_list_file(environment))), environment);
  if (context.json) {
    json list = json::array();
    for (const Known& job : jobs) list.push_back(to_json(job));
    return context.out().print("{}\n", json{{"version", 1}, {"jobs", list}}.dump(2, ' ', false, json::error_handler_t::replace));
  }
  if (jobs.empty()) context.talk().print("No job was queued yet. Next:\n  llmrun submit my-run.yaml\n");
  for (const Known& job : jobs)
    context.out().print("{:<9}  {:<12}  {}  {}{}\n", state(job), printable(job.now ? job.now->queue : "-"), printable(job.queued.id),
                        printable(job.queued.run), job.now && !job.now->comment.empty() ? "  " + printable(job.now->comment) : "");
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto options = std::make_shared<StatusOptions>();
  auto* command = app.add_subcommand("status", "Where queued jobs stand, with the scheduler's reason");
  command->add_option("jobs", options->jobs, "Run names, directories, job ids or 'last'; default: the newest")->type_name("RUN");
  command->add_option("-n,--most", options->most, "Jobs to show where none is named")->capture_default_str()->check(CLI::PositiveNumber);
  command->footer(
      "A job that the scheduler does not know any more is unknown, which is not failed.\nExamples:\n  llmrun status\n  llmrun status "
      "my-run");
  command->callback([=, &context] { status(*options, context); });
}

}  // namespace llmrun::cli
