#include "launcher/launch/run_program.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "engine/core/error_report.h"
#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/launch/rank_environment.h"
#include "launcher/launch/supervise.h"
#include "launcher/report/failure.h"

namespace llmrun {
namespace {

using std::chrono::hours;

/// The rank's log, created with its first line. A disk that is full costs the log, not the run.
class RankLog {
 public:
  /// An empty `file`: none is wanted.
  explicit RankLog(std::filesystem::path file) : file_(std::move(file)) {}
  RankLog(const RankLog&) = delete;
  RankLog& operator=(const RankLog&) = delete;
  ~RankLog() {
    if (stream_ != nullptr) std::fclose(stream_);
  }
  void line(const std::string& text) {
    if (stream_ == nullptr && !file_.empty()) stream_ = std::fopen(file_.c_str(), "ae");
    if (stream_ == nullptr) return;
    std::fwrite(text.data(), 1, text.size(), stream_);
    std::fflush(stream_);  // its reader follows it
  }

 private:
  std::filesystem::path file_;
  std::FILE* stream_ = nullptr;
};

void write_to_launcher(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // the launcher is gone, and we shall be soon
    text.remove_prefix(static_cast<size_t>(count));
  }
}

struct ParentGone {};

Ending run_to_the_end(const Command& command, pid_t parent, RankLog& log) {
  const auto launcher = make_local();
  Supervision supervision;
  supervision.processes = {command};
  supervision.launcher = launcher.get();
  supervision.on_line = [&](std::string_view text) {
    const std::string line = std::string(text) + "\n";
    write_to_launcher(line);
    log.line(line);
  };
  supervision.on_tick = [&] {
    if (::getppid() != parent) throw ParentGone();
  };
  supervision.one_stop = true;  // srun signals both processes, and the first hands its one on
  supervision.patience = {hours(24), hours(24), hours(24), std::chrono::milliseconds(500)};  // llmrun's own decides, at the other end
  return supervise(supervision);
}

[[noreturn]] void die_by(int number) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);  // the program has left its own
  ::signal(number, SIG_DFL);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, number);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(number);
  std::_Exit(128 + number);  // a signal that does not kill
}

/// In the second process. Returns the exit code of the rank, or dies by the program's signal.
int stay_with_program(const ProgramRank& rank, const Variables& given, pid_t parent) {
  const int attempt = static_cast<int>(parse_integer(given.get("LLMRUN_ATTEMPT").value_or("1")).value_or(1));
  const RunPaths paths(rank.run);
  const Identity identity = completed(identity_from_environment(), rank.ranks_of_hosts);
  Variables environment = given;
  set_rank_environment(rank, identity, environment);
  RankLog log(rank.keeps_log ? paths.rank_log(attempt, identity.rank) : std::filesystem::path());
  const auto report = [&](const Error& error) {
    write_error_report(paths.rank_error(attempt, identity.rank), identity.rank, error, "");
    return static_cast<int>(error.code());
  };
  try {
    // srun hands SIGUSR1, by which it is asked for an end, to every process of the step: the program hears of it by the SIGTERM that we
    // send.
    Command command{rank.argv, environment, SIGKILL};
    command.ignores = SIGUSR1;
    const Ending ending = run_to_the_end(command, parent, log);
    const int killed_by = ending.death ? ending.death->signal : 0;
    if (ending.exit_code != 0 && ending.stopped_by == 0)
      report(killed_by != 0 ? Error(static_cast<Exit>(128 + killed_by), "was killed by {}", signal_shown(killed_by))
                            : Error(static_cast<Exit>(ending.exit_code), "exited with code {}", ending.exit_code));
    if (killed_by != 0) die_by(killed_by);
    return ending.exit_code;
  } catch (const ParentGone&) {
    return 128 + SIGKILL;
  } catch (const Error& error) {  // the program cannot be started
    return report(error);
  }
}

/// In the first process: hands `signals`, which are blocked, on to the second until that has ended, and ends as it did; at once where the
/// launcher is gone, however it died: the second tidies up.
int relay(const sigset_t& signals, pid_t second, pid_t launcher) {
  while (::getppid() == launcher) {
    const timespec look_around{0, 500'000'000};
    const int number = ::sigtimedwait(&signals, nullptr, &look_around);
    if (number > 0 && number != SIGCHLD) ::kill(second, number);
    int status = 0;
    if (number != SIGCHLD || ::waitpid(second, &status, WNOHANG) != second) continue;
    if (WIFSIGNALED(status)) die_by(WTERMSIG(status));
    return WEXITSTATUS(status);
  }
  return 128 + SIGKILL;
}

}  // namespace

int run_program(const ProgramRank& rank, const Variables& environment) {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD}) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const pid_t launcher = ::getppid(), first = ::getpid(), second = ::fork();
  if (second < 0) throw Error(Exit::failed, "cannot start a process: {}", std::strerror(errno));
  if (second > 0) return relay(signals, second, launcher);
  ::setsid();
  sigset_t child_ended;
  ::sigemptyset(&child_ended);
  ::sigaddset(&child_ended, SIGCHLD);
  ::sigprocmask(SIG_UNBLOCK, &child_ended, nullptr);
  return stay_with_program(rank, environment, first);
}

}  // namespace llmrun
