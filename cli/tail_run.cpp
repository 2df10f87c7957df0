#include "cli/tail_run.h"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <filesystem>

#include "cli/context.h"
#include "cli/ui/ctrl_c.h"
#include "cli/ui/log_view.h"
#include "launcher/follow/follow_run.h"
#include "launcher/follow/followed_run.h"
#include "launcher/render/shell.h"
#include "launcher/report/reported_run.h"
#include "launcher/scheduler/known_jobs.h"
#include "launcher/scheduler/sweep.h"

namespace llmrun::cli {
namespace {

namespace fs = std::filesystem;

/// Through what all processes of the user share: schedulers themselves are asked less often than kAsk.
constexpr std::chrono::seconds kAsk{5};

std::map<std::string, Sighting> ask_schedulers(const std::vector<QueuedJob>& jobs, const Variables& environment) {
  const KnownJobs known = look_at_jobs(jobs, environment);
  if (!known.trouble.empty()) throw Error(Exit::unreachable, "{}", known.trouble);
  std::map<std::string, Sighting> answers;
  for (const KnownJob& job : known.jobs) answers[job.queued.id] = job.seen;
  return answers;
}

constexpr int64_t kHistory = 20;
/// Lines that a launcher may have written behind the last one of a run: PALS says how each rank ended.
constexpr int64_t kMostChatter = 10'000;

bool shows_combined_log(const TailOptions& options) { return options.ranks.empty() && options.hosts.empty(); }

/// Of the combined log the last lines that are shown count, wherever they stand in it. There may be thousands of other logs: each is looked
/// into no further back than so many lines.
LogStart start_of(const TailOptions& options) {
  if (!options.since.empty()) return {{}, parse_since(options.since, std::time(nullptr))};
  const int64_t lines = options.lines.value_or(kHistory);
  if (lines == 0 || !shows_combined_log(options)) return {lines, {}};
  if (!options.level.empty() || !options.grep.empty()) return {};
  return {options.raw ? lines : lines + kMostChatter, {}};
}

LogViewStyle style_of(const TailOptions& options, const RunPaths& paths, const Context& context) {
  LogViewStyle style;
  const RunRecord record = read_record(paths.record());
  style.run = record.name;
  if (style.run.empty()) style.run = paths.root().filename().string();
  style.history = options.since.empty() ? options.lines.value_or(kHistory) : options.lines;
  if (!options.level.empty()) style.level = parse_level(options.level);
  if (!options.grep.empty()) style.grep.emplace(options.grep);
  style.whose = exit_codes_of(record);
  style.hide_chatter = !options.raw && !context.json && style.whose == ExitCodes::ours;  // a program may say what it likes
  style.raw = options.raw;
  style.json = context.json;
  return style;
}

/// A sweep has no logs of its own: names those that have.
[[noreturn]] void refuse_sweep(const fs::path& sweep, const Variables& environment) {
  constexpr size_t kNamed = 20;
  const std::vector<RunHistory> members = members_of_sweep(sweep, environment, std::time(nullptr));
  const auto running = std::find_if(members.begin(), members.end(), [](const RunHistory& member) { return member.state == "running"; });
  Error error(Exit::usage, "'{}' is a sweep, and has no logs of its own: name one of its {} members", sweep.filename().string(),
              members.size());
  for (size_t i = 0; i < std::min(members.size(), kNamed); ++i) error.because(fmt::format("{} ({})", members[i].name, members[i].state));
  if (members.size() > kNamed)
    error.because(fmt::format("and {} more: llmrun status {}", members.size() - kNamed, sweep.filename().string()));
  throw error.hint("llmrun tail {}", shell_quoted((running == members.end() ? members.front() : *running).name));
}

}  // namespace

void tail_run(const TailOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const fs::path list = job_list_file(environment);
  const RunPaths paths(find_followed(options.run, fs::current_path(), read_jobs(list)));
  if (!first_member(paths.root()).empty()) refuse_sweep(paths.root(), environment);
  const FollowRequest request{paths, options.ranks, options.hosts, start_of(options), options.newer_than};
  RunJobs jobs([&] { return jobs_of_run(paths.root(), read_jobs(list)); },
               [&](const std::vector<QueuedJob>& some) { return ask_schedulers(some, environment); }, kAsk);
  const UntilCtrlC until_ctrl_c;
  LogView view(style_of(options, paths, context), context, UntilCtrlC::pressed);
  const int exit_code = follow_run(request, jobs, view);
  context.set_exit(exit_code);
  if (UntilCtrlC::pressed()) {
    view.leave();
    context.set_exit(Exit::interrupted);
  } else if (view.gone()) {  // nobody reads any more: we end as everybody in a pipe does
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  } else {
    view.advise(exit_code, options.run);
  }
}

}  // namespace llmrun::cli
