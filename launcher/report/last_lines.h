#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace llmrun {

/// Of the end of a file, whatever it holds; none where there is no such file.
std::vector<std::string> last_lines(const std::filesystem::path& file, size_t most);

}  // namespace llmrun
