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

LogStart start_of(const TailOptions& options) {
  if (options.since.empty()) return {options.lines.value_or(kHistory), {}};
  return {{}, parse_since(options.since, std::time(nullptr))};
}

LogViewStyle style_of(const TailOptions& options, const RunPaths& paths, const Context& context) {
  LogViewStyle style;
  style.run = read_record(paths.record()).name;
  if (style.run.empty()) style.run = paths.root().filename().string();
  style.history = options.since.empty() ? options.lines.value_or(kHistory) : options.lines;
  if (!options.level.empty()) style.level = parse_level(options.level);
  if (!options.grep.empty()) style.grep.emplace(options.grep);
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
  context.set_exit(follow_run(request, jobs, view));
  if (UntilCtrlC::pressed()) {
    view.leave();
    context.set_exit(Exit::interrupted);
  } else if (view.gone()) {  // nobody reads any more: we end as everybody in a pipe does
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
}

}  // namespace llmrun::cli
