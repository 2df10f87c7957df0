#pragma once
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace llmrun {

/// A shell script on a pseudo-terminal of its own, 100 columns wide, as a person at a keyboard has it. The destructor kills it.
class Terminal {
 public:
  explicit Terminal(const std::string& script) {
    winsize size{.ws_row = 50, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    hang_up();
    if (pid_ > 0 && !ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  pid_t pid() const { return pid_; }  // of the script's last command, where it ends with exec
  const std::string& screen() const { return screen_; }
  std::string last_words() const { return screen_.substr(screen_.size() - std::min<size_t>(screen_.size(), 2000)); }
  void type(const std::string& keys) { [[maybe_unused]] const ssize_t count = ::write(master_, keys.data(), keys.size()); }
  /// The line goes dead, as when ssh is cut: SIGHUP to whoever holds the terminal.
  void hang_up() {
    if (master_ >= 0) ::close(master_);
    master_ = -1;
  }

  /// Reads until `text` is on the screen, behind the first `after` characters; false where the program ends first, or after a minute.
  bool wait_for(const std::string& text, size_t after = 0) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (screen_.find(text, after) == std::string::npos)
      if (std::chrono::steady_clock::now() > deadline || !read_more()) return false;
    return true;
  }
  /// Its exit code, 128 + n for signal n.
  int wait() {
    while (master_ >= 0 && read_more()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  /// False at the end; waits a second at most for something to read.
  bool read_more() {
    pollfd ready{.fd = master_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 1000) == 0) return true;
    char buffer[4096];
    const ssize_t count = ::read(master_, buffer, sizeof buffer);
    if (count > 0) screen_.append(buffer, static_cast<size_t>(count));
    return count > 0;
  }

  int master_ = -1;
  pid_t pid_ = -1;
  bool ended_ = false;
  std::string screen_;
};

}  // namespace llmrun
