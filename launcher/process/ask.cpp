#include "launcher/process/ask.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/core/error.h"

namespace llmrun {
namespace {

/// A file without a name that takes stderr, so that it never mixes with stdout and never blocks the child.
class ErrorsFile {
 public:
  ErrorsFile() : file_(::memfd_create("stderr", MFD_CLOEXEC)) {
    if (file_ < 0) throw Error(Exit::failed, "cannot make a file in memory: {}", std::strerror(errno));
  }
  ~ErrorsFile() { ::close(file_); }
  ErrorsFile(const ErrorsFile&) = delete;

  int number() const { return file_; }
  std::string text() const {
    std::string text;
    char buffer[4096];
    for (ssize_t count; (count = ::pread(file_, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0;)
      text.append(buffer, static_cast<size_t>(count));
    return text;
  }

 private:
  int file_;
};

using Clock = std::chrono::steady_clock;

/// Waits until `file` is readable; false when the time is over.
bool readable(int file, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  pollfd wait{file, POLLIN, 0};
  return left.count() > 0 && ::poll(&wait, 1, static_cast<int>(left.count())) > 0;
}

}  // namespace

Answer ask(Command command, std::chrono::milliseconds most) {
  if (find_on_path(command.argv.at(0), command.environment).empty())
    throw Error(Exit::preflight, "'{}' is not on the PATH of this machine", command.argv[0]).hint("command -v {}", command.argv[0]);
  const ErrorsFile errors;
  command.errors_to = errors.number();
  const auto deadline = Clock::now() + most;
  Subprocess child(command);
  Answer answer;
  while (child.output() >= 0 && readable(child.output(), deadline)) child.read_output(answer.out);
  if (child.output() < 0 && readable(child.exited(), deadline)) child.reap();
  answer.late = !child.status();
  if (child.status()) answer.status = *child.status();
  answer.err = errors.text();
  return answer;
}

}  // namespace llmrun
