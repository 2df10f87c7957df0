#pragma once
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/temporary_directory.h"

namespace llmrun {

/// What a command did.
struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

/// A shell in a directory of its own, with a HOME of its own, no colours, the built llmrun first on PATH and none of our variables set.
/// The profiles are the shipped ones.
class CommandLine {
 public:
  Outcome operator()(const std::string& words) const {
    const int status = std::system((script(words) + " > '" + path(".out") + "' 2> '" + path(".err") + "' < /dev/null").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(".out"), read(".err")};
  }

  /// What a shell of any kind runs to do the same.
  std::string script(const std::string& words) const {
    const std::string bin = std::filesystem::path(LLMRUN_PROGRAM).parent_path().string();
    return "cd '" + path("") + "' && exec env -i HOME='" + path("") + "' PATH='" + bin + ":/usr/local/bin:/usr/bin:/bin' " +
           "LLMRUN_PROFILES='" LLMRUN_SOURCE_DIR "/profiles' sh -c '" + escaped(words) + "'";
  }

  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name), std::ios::binary) << text; }
  std::string read(const std::string& name) const { return slurp(path(name)); }
  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }

  static std::string slurp(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }

 private:
  static std::string escaped(const std::string& words) {
    std::string text;
    for (char c : words) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text;
  }

  TemporaryDirectory directory_;
};

/// The reviewed text under tests/cli/golden. LLMRUN_UPDATE_GOLDEN=1 writes `actual` there instead: the diff is the review.
inline std::string golden(const std::string& name, const std::string& actual) {
  const std::filesystem::path file = std::filesystem::path(LLMRUN_SOURCE_DIR) / "tests/cli/golden" / name;
  if (std::getenv("LLMRUN_UPDATE_GOLDEN")) std::ofstream(file, std::ios::binary) << actual;
  return CommandLine::slurp(file);
}

}  // namespace llmrun
