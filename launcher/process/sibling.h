#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace llmrun {

/// Where the llmrun program `name` that belongs to this one is: beside the running executable. It may not be there.
std::filesystem::path sibling_path(const std::string& name);
/// The same; throws Error(Exit::failed) where it is not there.
std::filesystem::path sibling(const std::string& name);

/// Becomes `name` with these arguments: same process, same terminal, its exit code. Returns only by throwing.
[[noreturn]] void become_sibling(const std::string& name, const std::vector<std::string>& arguments);

}  // namespace llmrun
