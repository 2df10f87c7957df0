#include "launcher/launch/run_attempt.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "engine/core/stop_report.h"
#include "launcher/process/held_signals.h"
#include "launcher/profile/yaml_text.h"
#include "launcher/rundir/saved_environment.h"

namespace llmrun {
namespace {

/// The combined log; a disk that is full must not stop the run, so a line that does not fit is lost.
class CombinedLog {
 public:
  explicit CombinedLog(const std::string& path) : file_(std::fopen(path.c_str(), "ae")) {
    if (file_ == nullptr) throw Error(Exit::preflight, "cannot write '{}'", path);
    std::setvbuf(file_, nullptr, _IOLBF, 1 << 16);
  }
  CombinedLog(const CombinedLog&) = delete;
  CombinedLog& operator=(const CombinedLog&) = delete;
  ~CombinedLog() { std::fclose(file_); }
  void line(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), file_);
    std::fputc('\n', file_);
  }

 private:
  std::FILE* file_;
};

AttemptOutcome outcome_of(const Ending& ending, const RunPaths& paths, int attempt, const Launch& launch, const std::vector<json>& told) {
  if (ending.stopped_by == SIGINT || ending.stopped_by == SIGHUP) return {128 + ending.stopped_by, {}};
  if (launch.trains && ending.exit_code == static_cast<int>(Exit::resubmit))
    return {ending.exit_code, {}};  // stopped and saved, by its own clock or by ours
  if (ending.stopped_by != 0) return {128 + ending.stopped_by, {}};
  // A launcher that starts nothing and ends well, as one that only stands for another may, has trained nothing.
  if (ending.clean() && (!launch.trains || any_rank_spoke(paths, attempt))) return {0, {}};
  if (const auto stopped = read_stop_report(paths.stopped(attempt))) return {*stopped, {}};  // it was not llmrun that was told to
  Failure failure = find_failure(paths, attempt, launch, ending, told);
  return {failure.exit_code, std::move(failure)};
}

}  // namespace

void write_launch_files(const RunDir& run, const Prepared& prepared, const Variables& environment) {
  const RunPaths& paths = run.paths();
  RunDir::write(paths.environment(), saved_environment(environment).dump(2) + "\n", RunDir::FileKind::own);
  RunDir::write(paths.hostfile(), prepared.hostfile);
  RunDir::write(paths.launch_script(), prepared.script, RunDir::FileKind::script);
}

void write_run_files(const RunDir& run, const Plan& plan, const Prepared& prepared, const Variables& environment) {
  RunDir::write(run.paths().config(), to_yaml(plan.config));
  RunDir::write(run.paths().plan(), to_json(plan).dump(2) + "\n");
  write_launch_files(run, prepared, environment);
}

AttemptOutcome run_attempt(RunDir& run, const Launch& launch, const Attempt& attempt, Prepared& prepared, ConsoleStyle screen,
                           const Steps& steps, const Patience& patience) {
  CombinedLog log(attempt.log);
  screen.log = [&](std::string_view line) { log.line(line); };
  Console console(std::move(screen), run.paths().metrics(), steps.last, steps.every);

  Supervision supervision;
  supervision.processes = prepared.processes;
  supervision.launcher = prepared.launcher.get();
  std::vector<json> told;
  supervision.on_line = [&](std::string_view line) {
    auto report = error_report_in(line);
    if (!report) return console.line(line);
    console.log_only(line);
    told.push_back(*std::move(report));
  };
  supervision.on_chatter = [&](std::string_view line) { console.log_only(line); };
  // Nobody is impatient inside a batch job: a second signal is the scheduler's own, or that of a `cancel` typed twice.
  supervision.one_stop = !attempt.job.empty() && ::isatty(STDIN_FILENO) == 0;
  supervision.on_stop = [&](int number) {
    std::ofstream(run.paths().stop_request(attempt.number));  // ranks that the launcher has yet to start miss its signal
    console.line(fmt::format("llmrun: {}: the ranks {}{}", signal_shown(number),
                             launch.trains ? "finish their step and save" : "are asked to end",
                             supervision.one_stop ? "" : "; once more ends them at once"));
  };
  supervision.on_tick = [&] { console.tick(); };
  supervision.rank_reported_failure = [&] { return !told.empty() || any_error_file(run.paths(), attempt.number); };
  supervision.patience = patience;
  const auto write_down = [&](int exit_code, const std::optional<RankDeath>& death) {
    try {
      run.end_attempt(exit_code, steps.last, std::time(nullptr), death);
    } catch (const Error& error) {  // a full disk: how the run ended is worth more than its record
      console.line(fmt::format("llmrun: warning: {}", error.what()));
    }
  };
  const HeldSignals until_written_down;  // a second Ctrl-C must not come between the end and its record
  Ending ending;
  try {
    ending = supervise(supervision);
  } catch (const Error& error) {  // nothing could be started
    write_down(static_cast<int>(error.code()), {});
    throw;
  }
  console.finish();

  AttemptOutcome outcome = outcome_of(ending, run.paths(), attempt.number, launch, told);
  write_down(outcome.exit_code, outcome.failure ? ending.death : std::nullopt);
  return outcome;
}

}  // namespace llmrun
