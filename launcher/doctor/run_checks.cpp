#include "launcher/doctor/run_checks.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/core/error.h"
#include "engine/core/json.h"

namespace llmrun {
namespace {

using Clock = std::chrono::steady_clock;

Result look(const Check& check) {
  try {
    return check.look();
  } catch (const Error& error) {
    return {Verdict::fail, error.what(), error.complaints().back().hint};
  } catch (const std::exception& error) {
    return {Verdict::fail, error.what(), {}};
  }
}

std::string to_text(const Result& result) {
  const json told{static_cast<int>(result.verdict), result.seen, result.remedy};
  return told.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result from_text(const std::string& text) {
  const json told = json::parse(text);
  return {static_cast<Verdict>(told[0].get<int>()), told[1], told[2]};
}

/// A check under way in a child. It holds none of our streams, so that nobody waits for their end where it cannot be stopped.
class Examination {
 public:
  explicit Examination(const Check& check) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(Exit::failed, "cannot make a pipe: {}", std::strerror(errno));
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) answer(check, parent, ends[1]);
    ::close(ends[1]);
    if (pid_ > 0) {
      pipe_ = ends[0];
      return;
    }
    ::close(ends[0]);
    throw Error(Exit::failed, "cannot start a process: {}", std::strerror(errno));
  }
  Examination(Examination&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), pipe_(std::exchange(other.pipe_, -1)), text_(std::move(other.text_)) {}
  Examination& operator=(Examination&&) = delete;
  ~Examination() {
    if (pipe_ >= 0) ::close(pipe_);
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, WNOHANG);  // one that is stuck in the kernel is nobody's to wait for
  }

  int pipe() const { return pipe_; }  // -1: it has said all it had to say

  void read() {
    char buffer[4096];
    const ssize_t count = ::read(pipe_, buffer, sizeof buffer);
    if (count > 0) {
      text_.append(buffer, static_cast<size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      ::close(pipe_);
      pipe_ = -1;
    }
  }

  Result result(std::chrono::milliseconds deadline) const {
    if (pipe_ >= 0)
      return {Verdict::fail, fmt::format("no answer within {:.3g} s", std::chrono::duration<double>(deadline).count()),
              "something that it asks hangs: a server, a command or a file system"};
    if (text_.empty()) return {Verdict::fail, "the check itself died", "llmrun doctor --json shows the others"};
    return from_text(text_);
  }

 private:
  [[noreturn]] static void answer(const Check& check, pid_t parent, int pipe) {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int nothing = ::open("/dev/null", O_RDWR);
    for (const int stream : {0, 1, 2}) ::dup2(nothing, stream);
    const std::string text = to_text(look(check));
    for (size_t written = 0; written < text.size();) {
      const ssize_t count = ::write(pipe, text.data() + written, text.size() - written);
      if (count < 0 && errno != EINTR) break;
      written += static_cast<size_t>(std::max<ssize_t>(0, count));
    }
    ::_exit(0);
  }

  pid_t pid_ = -1;
  int pipe_ = -1;
  std::string text_;
};

/// Reads what is there; false when nothing came before the time was over.
bool read_some(std::vector<Examination>& examinations, Clock::time_point end) {
  std::vector<pollfd> waiting;
  for (const Examination& one : examinations) waiting.push_back({one.pipe(), POLLIN, 0});  // poll passes over -1
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  if (left.count() <= 0 || ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count())) <= 0) return Clock::now() < end;
  for (size_t i = 0; i < examinations.size(); ++i)
    if (waiting[i].revents != 0) examinations[i].read();
  return true;
}

bool any_left(const std::vector<Examination>& examinations) {
  for (const Examination& one : examinations)
    if (one.pipe() >= 0) return true;
  return false;
}

}  // namespace

std::vector<Finding> run_checks(const std::vector<Check>& checks, std::chrono::milliseconds deadline) {
  const auto end = Clock::now() + deadline;
  std::vector<Examination> examinations;
  examinations.reserve(checks.size());
  for (const Check& check : checks) examinations.emplace_back(check);
  while (any_left(examinations) && read_some(examinations, end)) {
  }
  std::vector<Finding> findings;
  for (size_t i = 0; i < checks.size(); ++i) findings.push_back({checks[i].name, checks[i].asks, examinations[i].result(deadline)});
  return findings;
}

}  // namespace llmrun
