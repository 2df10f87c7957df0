#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace llmrun {

/// Where a person and a site keep what goes before our own: the directories that `variable` lists (colons between them), then
/// llmrun/FOLDER below $XDG_CONFIG_HOME (or ~/.config) and below /etc. Strongest first; they need not be there.
std::vector<std::filesystem::path> site_directories(const std::map<std::string, std::string>& environment, const std::string& variable,
                                                    std::string_view folder);

}  // namespace llmrun
