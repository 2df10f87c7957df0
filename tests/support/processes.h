#pragma once
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace llmrun {

/// Every live process of an attempt, wherever it sits: by the variable that all of them inherit, as sessions and groups may change.
/// `program`: of that name only.
inline std::vector<pid_t> processes_of(const std::string& attempt_id, const std::string& program = "") {
  const auto slurp = [](const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  };
  const std::string mark = "LLMRUN_ATTEMPT_ID=" + attempt_id;
  std::vector<pid_t> found;
  for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (slurp(entry.path() / "environ").find(mark) == std::string::npos) continue;  // empty for one that has ended
    if (program.empty() || slurp(entry.path() / "comm") == program + "\n") found.push_back(std::stoi(name));
  }
  return found;
}

/// How long it took until none was left; 30 where some still are.
inline double seconds_until_gone(const std::string& attempt_id) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  while (!processes_of(attempt_id).empty() && passed() < 30) ::usleep(50'000);
  return passed();
}

}  // namespace llmrun
