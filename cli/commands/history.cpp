#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/ui/table.h"
#include "engine/core/spec/nearest.h"
#include "engine/core/units.h"
#include "launcher/follow/log_line.h"
#include "launcher/report/exit_meaning.h"
#include "launcher/report/run_history.h"
#include "launcher/report/run_summary.h"

namespace llmrun::cli {
namespace {

struct HistoryOptions {
  int64_t most = 20;
  std::string since;
  std::vector<std::string> states;
};

bool wanted(const RunHistory& run, const HistoryOptions& options, std::optional<WallTime> since) {
  if (since && wall_time_of_utc(run.last) < *since) return false;
  return options.states.empty() || std::find(options.states.begin(), options.states.end(), run.state) != options.states.end();
}

void check_states(const std::vector<std::string>& states) {
  for (const std::string& state : states) {
    const std::span<const std::string_view> known = run_states();
    if (std::find(known.begin(), known.end(), state) != known.end()) continue;
    const std::string_view near = nearest(state, known);
    const std::string meant = near.empty() ? "llmrun history --help" : fmt::format("did you mean '{}'?", near);
    throw Error(Exit::usage, "--state: '{}' is none of {}", state, fmt::join(known, ", ")).hint("{}", meant);
  }
}

/// Those that are wanted, newest last.
std::vector<RunHistory> chosen(const HistoryOptions& options, const Variables& environment, int64_t now) {
  const auto since = options.since.empty() ? std::nullopt : std::optional(parse_since(options.since, now));
  std::vector<RunHistory> runs = read_history(job_list_file(environment), environment, now);
  std::erase_if(runs, [&](const RunHistory& run) { return !wanted(run, options, since); });
  return runs;
}

json to_json(const RunHistory& run) {
  json attempts = json::array(), jobs = json::array();
  const ExitCodes whose = exit_codes_of(run.record);
  const std::string meaning = run.exit_code ? exit_meaning(*run.exit_code, whose) : "";
  for (const Attempt& attempt : run.record.attempts) attempts.push_back(attempt_json(attempt, whose));
  for (const QueuedJob& job : run.jobs) jobs.push_back({{"job_id", job.id}, {"scheduler", job.scheduler}, {"submitted", job.submitted}});
  return {{"run", run.name},
          {"dir", run.dir.string()},
          {"state", run.state},
          {"preempted", run.preempted},
          {"first", run.first},
          {"last", run.last},
          {"exit_code", run.exit_code ? json(*run.exit_code) : json()},
          {"meaning", meaning.empty() ? json() : json(meaning)},
          {"seconds", run.seconds},
          {"finished_steps", run.record.finished_steps},
          {"directory_gone", run.gone},
          {"record_damaged", run.damaged},
          {"attempts", attempts},
          {"jobs", jobs}};
}

std::vector<std::string> row(const RunHistory& run) {
  const bool failed = run.exit_code && *run.exit_code != 0;
  return {run.last,
          run.state,
          std::to_string(run.record.attempts.size()),
          run.seconds > 0 ? format_duration(run.seconds) : "-",
          run.name,
          run.dir.string(),
          failed          ? end_text(run, *run.exit_code)
          : run.damaged   ? "run.json is damaged"
          : run.preempted ? "preempted, and put back into the queue"
                          : ""};
}

void history(const HistoryOptions& options, Context& context) {
  check_states(options.states);
  std::vector<RunHistory> runs = chosen(options, Variables::of_this_process(), std::time(nullptr));
  const size_t all = runs.size(), older = all - std::min(all, static_cast<size_t>(options.most));
  runs.erase(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(older));
  if (context.json) {
    json list = json::array();
    for (const RunHistory& run : runs) list.push_back(to_json(run));
    return context.out().print("{}\n",
                               json{{"version", 1}, {"runs", list}, {"older", older}}.dump(2, ' ', false, json::error_handler_t::replace));
  }
  if (runs.empty()) return context.talk().print("No such run. Next:\n  llmrun train my-run.yaml\n  llmrun submit my-run.yaml\n");
  Table table({"LAST", "STATE", "ATTEMPTS", "TIME", "RUN", "DIRECTORY", ""});
  for (const RunHistory& run : runs) table.add(row(run));
  context.out().write(table.text(context.out().is_terminal() ? context.out().columns() : 0));
  if (older > 0) context.talk().print("The newest {} of {} runs; all: llmrun history -n {}\n", runs.size(), all, all);
}

}  // namespace

void add_history(CLI::App& app, Context& context) {
  auto options = std::make_shared<HistoryOptions>();
  auto* command = app.add_subcommand("history", "Every run that was queued or launched, and how it ended");
  command->add_option("-n,--most", options->most, "Runs to show, the newest")->capture_default_str()->check(CLI::PositiveNumber);
  command->add_option("--since", options->since, "Active since then: 2d, 10m, 2023-10-11T09:29:06Z")->type_name("TIME");
  command
      ->add_option("--state", options->states, "Only these: done, failed, stopped, died, running, queued, cancelled, preempted, gone ...")
      ->delimiter(',')
      ->type_name("STATE");
  command->footer(
      "Asks no scheduler and outlives their memory: it is read from ~/.local/state/llmrun/jobs.jsonl and from the runs' own directories.\n"
      "Examples:\n  llmrun history --since 7d\n  llmrun history --state failed,died --json");
  command->callback([=, &context] { history(*options, context); });
}

}  // namespace llmrun::cli
