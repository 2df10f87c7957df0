#include "engine/comm/module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "engine/core/error.h"

namespace llmrun {

void* Module::function(const char* name) const {
  void* address = ::dlsym(handle, name);
  if (!address) throw Error(Exit::failed, "the module has no '{}': it is not of this build", name).hint("./bootstrap build");
  return address;
}

Module open_module(const std::string& name) {
  std::vector<std::filesystem::path> folders;
  if (const char* given = std::getenv("LLMRUN_MODULES")) folders.emplace_back(given);
  std::error_code ignored;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  folders.push_back(executable / "../lib");
  folders.push_back(executable / "../lib/llmrun");
  for (const auto& folder : folders) {
    const auto file = (folder / (name + ".so")).lexically_normal();
    if (!std::filesystem::exists(file, ignored)) continue;
    void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    return {handle, handle ? "" : ::dlerror()};
  }
  return {nullptr, fmt::format("'{}.so' is not installed", name)};
}

}  // namespace llmrun
