#include "launcher/process/sibling.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/core/error.h"

namespace llmrun {

std::filesystem::path sibling_path(const std::string& name) { return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name; }

std::filesystem::path sibling(const std::string& name) {
  const std::filesystem::path path = sibling_path(name);
  if (::access(path.c_str(), X_OK) == 0) return path;
  throw Error(Exit::failed, "'{}' is not there", path.string())
      .hint("./bootstrap build makes it (the launcher side alone was built with LLMRUN_ENGINE=OFF)");
}

void become_sibling(const std::string& name, const std::vector<std::string>& arguments) {
  const std::string path = sibling(name).string();
  std::vector<std::string> words{"llmrun"};  // what its help calls itself
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(path.c_str(), argv.data());
  throw Error(Exit::failed, "cannot run '{}': {}", path, std::strerror(errno));
}

}  // namespace llmrun
