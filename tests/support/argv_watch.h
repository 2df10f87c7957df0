#pragma once
#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>

namespace llmrun {

/// While it lives, looks at every process of this machine that has `canary` in its environment: which programs they are, and whether it is
/// among the words of one, where every user of the machine can read it.
class ArgvWatch {
 public:
  explicit ArgvWatch(std::string canary) : canary_(std::move(canary)), thread_([this] { watch(); }) {}
  ~ArgvWatch() { end(); }
  ArgvWatch(const ArgvWatch&) = delete;
  ArgvWatch& operator=(const ArgvWatch&) = delete;

  void end() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After end().
  const std::set<std::string>& programs() const { return programs_; }
  const std::set<std::string>& leaks() const { return leaks_; }

 private:
  static std::string slurp(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }

  void look() {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", none)) {
      if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string words = slurp(entry.path() / "cmdline");  // first: a process that ends has neither
      if (words.find(canary_) != std::string::npos) leaks_.insert(words);
      if (slurp(entry.path() / "environ").find(canary_) == std::string::npos) continue;
      std::string name = slurp(entry.path() / "comm");
      programs_.insert(name.substr(0, name.find('\n')));
    }
  }

  void watch() {
    while (!over_) look();
  }

  std::string canary_;
  std::set<std::string> programs_, leaks_;
  std::atomic<bool> over_{false};
  std::thread thread_;  // last: it uses the others
};

}  // namespace llmrun
