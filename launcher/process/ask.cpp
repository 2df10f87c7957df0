#include "launcher/process/ask.h"

#include <poll.h>

#include "engine/core/error.h"
#include "launcher/process/memory_file.h"

namespace llmrun {
namespace {

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
  const MemoryFile errors;  // apart from stdout, and never blocks the child
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
