#include "launcher/process/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <utility>

#include "engine/core/error.h"

namespace llmrun {
namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> list;
  for (std::string& string : strings) list.push_back(string.data());
  list.push_back(nullptr);
  return list;
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(Exit::failed, "cannot make a pipe: {}", std::strerror(errno)).hint("ulimit -n says how many files may be open");
  return ends;
}

/// What the child needs between fork and exec.
struct Start {
  const Command& command;
  const char* program;
  char* const* argv;
  char* const* environment;
  int output;   // takes stdout, and stderr where the command does not say otherwise
  int failure;  // takes the errno of what did not work
  pid_t parent;
};

/// In the child: only async-signal-safe calls. Never returns.
[[noreturn]] void become(const Start& start) {
  const Command& command = start.command;
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, command.signal_when_we_die);
  if (::getppid() != start.parent) ::_exit(128 + command.signal_when_we_die);  // the parent died before prctl
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(start.output, STDOUT_FILENO);
  ::dup2(command.drop_errors ? nothing : command.errors_to >= 0 ? command.errors_to : start.output, STDERR_FILENO);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD}) ::signal(number, SIG_DFL);
  if (command.ignores != 0) ::signal(command.ignores, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (command.directory.empty() || ::chdir(command.directory.c_str()) == 0) ::execve(start.program, start.argv, start.environment);
  const int cause = errno;
  [[maybe_unused]] const ssize_t written = ::write(start.failure, &cause, sizeof cause);
  ::_exit(127);
}

constexpr const char* kUsualPath = "/usr/bin:/bin";  // where nobody says one, as under `env -i` and in some cron jobs

/// A directory may be "executed" too: that is to enter it.
bool is_program(const std::string& file) {
  std::error_code none;
  return ::access(file.c_str(), X_OK) == 0 && !std::filesystem::is_directory(file, none);
}

/// Why `name` is no program, and what to do about it.
Error no_program(const std::string& name) {
  std::error_code none;
  const auto refuse = [&](std::string_view why) { return Error(Exit::preflight, "cannot run '{}': {}", name, why); };
  if (name.find('/') == std::string::npos) {
    const bool is_here = is_program("./" + name);
    return std::move(refuse("no such program on the PATH").hint("{}{}", is_here ? "./" : "command -v ", name));
  }
  if (std::filesystem::is_directory(name, none)) return std::move(refuse("it is a directory").hint("name the program in it"));
  if (!std::filesystem::exists(name, none)) return std::move(refuse("no such file").hint("ls -l '{}', on every host", name));
  return std::move(refuse("it is not executable").hint("chmod +x '{}'", name));
}

/// The kernel took `program` for none.
Error not_started(const std::string& program, int cause) {
  Error error(Exit::preflight, "cannot run '{}': {}", program, std::strerror(cause));
  if (cause == ENOEXEC)
    error.hint("a script names its interpreter in line 1 (#!/bin/bash); else 'file {}' says what it was built for", program);
  if (cause == ENOENT) error.hint("the interpreter in its line 1 is not there: head -1 '{}'", program);
  return error;
}

}  // namespace

std::string find_on_path(const std::string& name, const Variables& environment) {
  if (name.find('/') != std::string::npos) return is_program(name) ? name : "";
  const std::string path = environment.get("PATH").value_or(kUsualPath);
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const std::string candidate = path.substr(begin, end - begin) + "/" + name;
    if (end > begin && is_program(candidate)) return candidate;
    begin = end + 1;
  }
  return "";
}

Subprocess::Subprocess(const Command& command) {
  Variables environment = command.environment;
  if (!environment.get("PATH")) environment.set("PATH", kUsualPath);  // it may have programs of its own to find: mpirun its ssh
  std::vector<std::string> argv = command.argv, lines = environment.lines();
  const std::string program = find_on_path(argv.at(0), command.environment);
  if (program.empty()) throw no_program(argv[0]);
  const std::vector<char*> argv_pointers = pointers(argv), environment_pointers = pointers(lines);

  const auto output = make_pipe(), failure = make_pipe();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0)
    throw Error(Exit::failed, "cannot start '{}': {}", argv[0], std::strerror(errno))
        .hint("ulimit -u says how many processes there may be");
  if (pid_ == 0) become({command, program.c_str(), argv_pointers.data(), environment_pointers.data(), output[1], failure[1], parent});
  ::close(output[1]);
  ::close(failure[1]);
  output_ = output[0];
  ::fcntl(output_, F_SETFL, O_NONBLOCK);
  int cause = 0;
  const ssize_t got = ::read(failure[0], &cause, sizeof cause);
  ::close(failure[0]);
  if (got == sizeof cause) {
    ::waitpid(pid_, nullptr, 0);
    ::close(output_);
    throw not_started(program, cause);
  }
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
}

Subprocess::Subprocess(Subprocess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      status_(std::exchange(other.status_, std::nullopt)) {}

Subprocess::~Subprocess() {
  if (pid_ > 0 && !status_) {
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
  if (pidfd_ >= 0) ::close(pidfd_);
}

bool Subprocess::read_output(std::string& text) {
  char buffer[65536];
  while (output_ >= 0) {
    const ssize_t count = ::read(output_, buffer, sizeof buffer);
    if (count > 0) {
      text.append(buffer, static_cast<size_t>(count));
      return true;  // one helping at a time: a flood from one child must not starve the others
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    ::close(std::exchange(output_, -1));
  }
  return false;
}

bool Subprocess::reap() {
  if (status_) return true;
  int raw = 0;
  if (::waitpid(pid_, &raw, WNOHANG) != pid_) return false;
  status_ = WIFSIGNALED(raw) ? ExitStatus{0, WTERMSIG(raw)} : ExitStatus{WEXITSTATUS(raw), 0};
  return true;
}

void Subprocess::signal(int number) const {
  if (!status_) ::kill(-pid_, number);
}

std::optional<std::string> capture(const Command& command, std::chrono::milliseconds most, size_t most_bytes) {
  if (find_on_path(command.argv.at(0), command.environment).empty()) return {};
  Subprocess child(command);
  std::string text;
  const auto deadline = std::chrono::steady_clock::now() + most;
  while (child.output() >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{child.output(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) == 0) return {};
    child.read_output(text);
    if (text.size() > most_bytes) return text.substr(0, most_bytes);
  }
  pollfd ended{child.exited(), POLLIN, 0};
  ::poll(&ended, 1, 1000);
  if (!child.reap() || !child.status()->clean()) return {};
  return text;
}

}  // namespace llmrun
