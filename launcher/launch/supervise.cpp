#include "launcher/launch/supervise.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "launcher/process/held_signals.h"

namespace llmrun {
namespace {

using Clock = std::chrono::steady_clock;

/// The signals that ask to stop become readable events for as long as this lives.
class StopSignals {
 public:
  StopSignals() : descriptor_(::signalfd(-1, &held_.set(), SFD_CLOEXEC | SFD_NONBLOCK)) {}
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals() { ::close(descriptor_); }
  int descriptor() const { return descriptor_; }
  /// The next signal, or 0.
  int next() {
    signalfd_siginfo info{};
    return ::read(descriptor_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  HeldSignals held_;
  int descriptor_;
};

/// Children that our own children left to us die here.
class Orphans {
 public:
  Orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
  Orphans(const Orphans&) = delete;
  Orphans& operator=(const Orphans&) = delete;
  ~Orphans() {
    for (int round = 0; round < 1000; ++round) {  // killing one may hand us its children
      const std::vector<pid_t> left = children();
      if (left.empty()) break;
      for (const pid_t pid : left) ::kill(pid, SIGKILL);
      for (const pid_t pid : left) ::waitpid(pid, nullptr, 0);
    }
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

 private:
  static std::vector<pid_t> children() {
    std::ifstream list("/proc/thread-self/children");
    std::vector<pid_t> pids;
    for (pid_t pid = 0; list >> pid;) pids.push_back(pid);
    return pids;
  }
};

/// Cuts a stream into lines; a carriage return alone ends one too, and so does a line that is too long.
class Lines {
 public:
  std::string& pending() { return pending_; }
  void take(const std::function<void(std::string_view)>& line) {
    size_t begin = 0;
    for (size_t end; (end = pending_.find('\n', begin)) != std::string::npos || pending_.size() - begin > kLongest; begin = end + 1) {
      if (end == std::string::npos) end = begin + kLongest;
      line(std::string_view(pending_).substr(begin, end - begin));
    }
    pending_.erase(0, std::min(begin, pending_.size()));
  }
  void take_rest(const std::function<void(std::string_view)>& line) {
    if (!pending_.empty()) line(pending_);
    pending_.clear();
  }

 private:
  static constexpr size_t kLongest = 1 << 20;
  std::string pending_;
};

class Supervisor {
 public:
  explicit Supervisor(Supervision& supervision) : supervision_(supervision) {
    children_.reserve(supervision.processes.size());
    for (const Command& command : supervision.processes) children_.emplace_back(command);
    lines_.resize(children_.size());
  }

  Ending run() {
    while (busy()) {
      wait();
      for (size_t i = 0; i < children_.size(); ++i) read(i);
      for (size_t i = 0; i < children_.size(); ++i) reap(i);
      for (int number = signals_.next(); number != 0; number = signals_.next()) stop(number);
      if (!failed_ && supervision_.rank_reported_failure()) fail();
      hurry();
      supervision_.on_tick();
    }
    for (size_t i = 0; i < children_.size(); ++i) lines_[i].take_rest([&](std::string_view line) { heard(line); });
    return ending_;
  }

 private:
  bool busy() const {
    for (const Subprocess& child : children_)
      if (!child.status()) return true;
    for (const Subprocess& child : children_)
      if (child.output() >= 0) return Clock::now() < drained_by_;
    return false;
  }

  void wait() {
    std::vector<pollfd> events{{signals_.descriptor(), POLLIN, 0}};
    for (const Subprocess& child : children_) {
      if (child.output() >= 0) events.push_back({child.output(), POLLIN, 0});
      if (!child.status()) events.push_back({child.exited(), POLLIN, 0});
    }
    ::poll(events.data(), events.size(), static_cast<int>(supervision_.patience.tick.count()));
  }

  void read(size_t i) {
    children_[i].read_output(lines_[i].pending());
    lines_[i].take([&](std::string_view line) { heard(line); });
  }

  void heard(std::string_view line) {
    supervision_.launcher->is_chatter(line) ? supervision_.on_chatter(line) : supervision_.on_line(line);
    if (auto death = supervision_.launcher->death(line)) {
      died(*std::move(death));
      fail();
    }
  }

  /// The first one, but for a signal that is a cause: who died of it may be noticed after those who only missed it. What comes later than
  /// that is of whoever ends the others.
  void died(RankDeath death) {
    constexpr auto kNoticed = std::chrono::seconds(1);
    if (!ending_.death)
      first_death_ = Clock::now();
    else if (ending_.death->host_lost || is_cause(ending_.death->signal) || !is_cause(death.signal) ||
             Clock::now() > first_death_ + kNoticed)
      return;
    ending_.death = std::move(death);
  }

  void reap(size_t i) {
    Subprocess& child = children_[i];
    if (child.status() || !child.reap()) return;
    drained_by_ = Clock::now() + std::chrono::seconds(1);  // orphans may hold the pipe open for ever
    if (child.status()->clean()) return;
    if (ending_.exit_code == 0) ending_.exit_code = child.status()->exit_code();
    const bool by_itself = !terminating_ || (ending_.death && ending_.stopped_by == 0);
    if (supervision_.launcher->spawns_itself() && by_itself) {  // no launcher tells of it, and none ends the others
      died({static_cast<int64_t>(i), "", child.status()->signal, child.status()->code});
      if (!terminating_) terminate();
    }
    fail();
  }

  /// The first bad news starts the clock.
  void fail() {
    if (!failed_ && !terminating_) act_at_ = Clock::now() + supervision_.patience.after_first_failure;
    failed_ = true;
  }

  void stop(int number) {
    if (ending_.stopped_by != 0) return supervision_.one_stop ? void() : kill();  // the second time
    ending_.stopped_by = number;
    failed_ = terminating_ = true;
    act_at_ = Clock::now() + supervision_.patience.after_stop;
    supervision_.on_stop(number);
    for (const Subprocess& child : children_) child.signal(supervision_.launcher->stop_signal());
  }

  void hurry() {
    if (!failed_ || Clock::now() < act_at_) return;
    terminated_ ? kill() : terminate();
  }

  void terminate() {
    terminating_ = terminated_ = true;
    act_at_ = Clock::now() + supervision_.patience.after_terminate;
    for (const Subprocess& child : children_) child.signal(SIGTERM);
  }

  void kill() {
    for (const Subprocess& child : children_) child.signal(SIGKILL);
  }

  Supervision& supervision_;
  Orphans orphans_;  // destroyed after the children: what they leave is then ours
  StopSignals signals_;
  std::vector<Subprocess> children_;
  std::vector<Lines> lines_;
  Ending ending_;
  bool failed_ = false;       // bad news came, or we were told to stop: the clock runs
  bool terminating_ = false;  // what ends from now on ends by us
  bool terminated_ = false;   // SIGTERM was sent
  Clock::time_point first_death_{}, act_at_{}, drained_by_{Clock::time_point::max()};
};

}  // namespace

Ending supervise(Supervision& supervision) { return Supervisor(supervision).run(); }

}  // namespace llmrun
