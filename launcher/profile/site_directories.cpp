#include "launcher/profile/site_directories.h"

namespace llmrun {

namespace fs = std::filesystem;

std::vector<fs::path> site_directories(const std::map<std::string, std::string>& environment, const std::string& variable,
                                       std::string_view folder) {
  std::vector<fs::path> directories;
  const auto value = [&](const std::string& name) { return environment.contains(name) ? environment.at(name) : std::string(); };
  std::string listed = value(variable);
  for (size_t colon; !listed.empty(); listed = colon == std::string::npos ? "" : listed.substr(colon + 1)) {
    colon = listed.find(':');
    if (colon != 0) directories.emplace_back(listed.substr(0, colon));
  }
  if (const std::string config = value("XDG_CONFIG_HOME"); !config.empty())
    directories.push_back(fs::path(config) / "llmrun" / folder);
  else if (const std::string home = value("HOME"); !home.empty())
    directories.push_back(fs::path(home) / ".config/llmrun" / folder);
  directories.push_back(fs::path("/etc/llmrun") / folder);
  return directories;
}

}  // namespace llmrun
