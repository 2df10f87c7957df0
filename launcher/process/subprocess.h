#pragma once
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "launcher/process/variables.h"

namespace llmrun {

/// How a process ended: by itself with `code`, or by a signal.
struct ExitStatus {
  int code = 0;
  int signal = 0;  // 0: ended by itself
  bool clean() const { return code == 0 && signal == 0; }
  /// The shell's form: 128 + n for signal n.
  int exit_code() const { return signal != 0 ? 128 + signal : code; }
};

/// What to run. argv[0] is looked up on the PATH of `environment` where it holds no slash.
struct Command {
  std::vector<std::string> argv;
  Variables environment;
  int signal_when_we_die = SIGTERM;  // what the kernel sends the child when this process is gone
  bool drop_errors = false;          // stderr goes nowhere, instead of joining stdout
  int errors_to = -1;                // a file that stderr goes to, instead of joining stdout; not owned
  std::string directory;             // where it runs; empty: where we do
  int ignores = 0;                   // a signal that it ignores unless it asks for it; 0: none
};

/// A child in a session of its own, so that no key of our terminal reaches it, that does not outlive us.
/// Its stdout and stderr arrive in one pipe, stdin is empty. Passive, as ninja's: whoever owns it polls output() and exited(), reads and
/// reaps. The destructor kills the session of a child that still runs.
class Subprocess {
 public:
  /// Throws Error(Exit::preflight) where argv[0] cannot be executed.
  explicit Subprocess(const Command& command);
  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&&) = delete;
  ~Subprocess();

  pid_t pid() const { return pid_; }
  int output() const { return output_; }  // readable until every holder of the pipe is gone; -1 then
  int exited() const { return pidfd_; }   // readable once the child has ended
  const std::optional<ExitStatus>& status() const { return status_; }

  /// Appends what is there to `text`; false at the end of the stream, which closes output().
  bool read_output(std::string& text);
  /// Takes the status of a child that has ended; false while it runs.
  bool reap();
  /// Sends to the child's whole session leader group; nothing once it is reaped.
  void signal(int number) const;

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  int pidfd_ = -1;
  std::optional<ExitStatus> status_;
};

/// Runs a short command and returns its output; nothing where it cannot start, fails, or takes longer. Output of more than `most_bytes`
/// is cut there, and the command is ended.
std::optional<std::string> capture(const Command& command, std::chrono::milliseconds most,
                                   size_t most_bytes = std::numeric_limits<size_t>::max());

/// The executable that `name` means on this PATH; empty where there is none.
std::string find_on_path(const std::string& name, const Variables& environment);

}  // namespace llmrun
