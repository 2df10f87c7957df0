#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <thread>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/ui/ctrl_c.h"
#include "cli/ui/job_text.h"
#include "cli/ui/live_block.h"
#include "cli/ui/live_line.h"
#include "cli/ui/table.h"
#include "engine/core/system_error.h"
#include "launcher/follow/waiting_text.h"
#include "launcher/report/exit_meaning.h"
#include "launcher/report/recorded_ends.h"
#include "launcher/scheduler/waiting_reasons.h"

namespace llmrun::cli {
namespace {

struct StatusOptions {
  std::vector<std::string> jobs;  // run names, directories or job ids; empty: the newest
  int64_t most = 20;
  bool watch = false;
};

constexpr std::chrono::seconds kLook{5};          // between two looks at what is known; schedulers are asked less often
constexpr std::chrono::milliseconds kGlance{50};  // until Ctrl-C is noticed

/// The newest job that the word means; of a sweep's name, also the newest of each of its members.
void add_meant(const std::vector<QueuedJob>& all, const std::string& word, std::vector<QueuedJob>& jobs) {
  const QueuedJob meant = find_job(all, word);
  jobs.push_back(meant);
  if (is_id(meant, word)) return;
  std::vector<QueuedJob> members;
  for (const QueuedJob& job : all) {
    if (std::filesystem::path(job.dir).parent_path() != meant.dir) continue;
    const auto known = std::find_if(members.begin(), members.end(), [&](const QueuedJob& member) { return member.dir == job.dir; });
    known == members.end() ? members.push_back(job) : void(*known = job);
  }
  jobs.insert(jobs.end(), members.begin(), members.end());
}

/// What to show of the jobs, and how many older ones are left out.
struct Shown {
  KnownJobs known;
  size_t older = 0;
};

Shown look(const StatusOptions& options, const Variables& environment) {
  const std::vector<QueuedJob> all = read_jobs(job_list_file(environment));
  std::vector<QueuedJob> jobs;
  for (const std::string& word : options.jobs) add_meant(all, word, jobs);
  const size_t older = options.jobs.empty() ? all.size() - std::min(all.size(), static_cast<size_t>(options.most)) : 0;
  if (options.jobs.empty()) jobs.assign(all.begin() + static_cast<std::ptrdiff_t>(older), all.end());
  Shown shown{look_at_jobs(jobs, environment), older};
  believe_recorded_ends(shown.known);
  return shown;
}

/// The scheduler's words on why it waits; where it runs; how it ended.
std::string reason(const KnownJob& job) {
  if (!job.seen.job) return "";
  if (state_word(job.seen) == "unknown")
    return fmt::format("was {}; its scheduler does not know it any more", spelling(job.seen.job->phase));
  const Job& seen = *job.seen.job;
  if (seen.phase == JobPhase::running) return on_hosts(seen.hosts);
  if (seen.phase != JobPhase::ended) return (seen.preempted ? "preempted, waits again: " : "") + short_reason(job.queued.scheduler, seen);
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

json document(const Shown& shown, int64_t now) {
  json jobs = json::array();
  for (const KnownJob& job : shown.known.jobs) jobs.push_back(to_json(job, now));
  const std::string& trouble = shown.known.trouble;
  return {{"version", 1}, {"jobs", jobs}, {"older", shown.older}, {"trouble", trouble.empty() ? json() : json(trouble)}};
}

std::string table_text(const KnownJobs& known, int64_t now, const Output& out) {
  Table table({"STATE", "QUEUE", "NODES", "TIME", "JOB", "RUN", "REASON"});
  for (const KnownJob& job : known.jobs) table.add(row(job, now));
  return table.text(out.is_terminal() ? out.columns() : 0);
}

/// For stderr, under the table.
std::string remarks(const Shown& shown, int64_t now) {
  const size_t all = shown.known.jobs.size() + shown.older;
  return freshness_text(shown.known, now) +
         (shown.older > 0 ? fmt::format("The newest {} of {} jobs; all: llmrun status -n {}\n", shown.known.jobs.size(), all, all) : "");
}

void say_none(Context& context) { context.talk().print("No job was queued yet. Next:\n  llmrun submit my-run.yaml\n"); }

void status(const StatusOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const Shown shown = look(options, environment);
  const int64_t now = std::time(nullptr);
  if (context.json) return context.out().print("{}\n", document(shown, now).dump(2, ' ', false, json::error_handler_t::replace));
  if (shown.known.jobs.empty()) return say_none(context);
  context.out().write(table_text(shown.known, now, context.out()));
  context.talk().write(remarks(shown, now));
}

/// What of it is news: no time that runs.
std::string news(const KnownJobs& known) {
  std::string text = known.trouble;
  for (const KnownJob& job : known.jobs) text += fmt::format("\n{} {} {}", job.queued.id, state_word(job.seen), reason(job));
  return text;
}

bool all_over(const KnownJobs& known) {
  return std::all_of(known.jobs.begin(), known.jobs.end(), [](const KnownJob& job) { return job.seen.settled; });
}

/// The table, and on a terminal what else there is to say, in lines that are no wider.
std::string screen_text(const Shown& shown, int64_t now, const Output& out) {
  std::string text = table_text(shown.known, now, out);
  if (!out.is_terminal()) return text;
  const std::string all = remarks(shown, now);
  for (size_t begin = 0, end = 0; (end = all.find('\n', begin)) != std::string::npos; begin = end + 1)
    text += std::string(fitting(std::string_view(all).substr(begin, end - begin), out.columns() - 1)) + '\n';
  return text;
}

void wait_for_next_look() {
  const auto next = std::chrono::steady_clock::now() + kLook;
  while (!UntilCtrlC::pressed() && std::chrono::steady_clock::now() < next) std::this_thread::sleep_for(kGlance);
}

/// Shows what is known until every job is over. A chain's next job takes the place of the one before under its run's name.
void watch(const StatusOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const UntilCtrlC until_ctrl_c;
  LiveBlock block(context.out());
  for (std::string told;; wait_for_next_look()) {
    if (UntilCtrlC::pressed()) return context.set_exit(Exit::interrupted);
    const Shown shown = look(options, environment);
    const KnownJobs& known = shown.known;
    const int64_t now = std::time(nullptr);
    if (!context.json && known.jobs.empty()) return say_none(context);
    if (!context.json)
      block.show(screen_text(shown, now, context.out()), news(known));
    else if (news(known) != told)
      context.out().print("{}\n", document(shown, now).dump(-1, ' ', false, json::error_handler_t::replace));
    if (context.out().failed()) throw stdout_error();
    told = news(known);
    if (all_over(known)) return;
  }
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto options = std::make_shared<StatusOptions>();
  auto* command = app.add_subcommand("status", "Where queued jobs stand, with the scheduler's reason");
  command
      ->add_option("jobs", options->jobs,
                   "Run names, directories, job ids, unique prefixes, or 'last': the job that was queued last; default: the newest")
      ->type_name("RUN");
  command->add_option("-n,--most", options->most, "Jobs to show where none is named")->capture_default_str()->check(CLI::PositiveNumber);
  command->add_flag("-w,--watch", options->watch, "Go on showing them until all have ended, or Ctrl-C (exit 130)");
  command->footer(
      "All llmrun commands of a user together ask the scheduler once in 15 s: older answers are told with their age.\n"
      "A job that the scheduler does not know any more ended as its run wrote down; without that it is unknown, which is not failed.\n"
      "Why a job waits: llmrun explain RUN\n"
      "Examples:\n  llmrun status\n  llmrun status my-run\n"
      "  llmrun status --watch > changes   # not a terminal: a block whenever something changed");
  command->callback([=, &context] { options->watch ? watch(*options, context) : status(*options, context); });
}

}  // namespace llmrun::cli
