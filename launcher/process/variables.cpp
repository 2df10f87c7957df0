#include "launcher/process/variables.h"

#include <unistd.h>

#include <cstring>

namespace llmrun {

Variables Variables::of_this_process() {
  Variables environment;
  for (char** line = environ; *line != nullptr; ++line)
    if (const char* equals = std::strchr(*line, '=')) environment.set(std::string(*line, static_cast<size_t>(equals - *line)), equals + 1);
  return environment;
}

std::optional<std::string> Variables::get(std::string_view name) const {
  const auto found = variables_.find(std::string(name));
  if (found == variables_.end()) return {};
  return found->second;
}

std::vector<std::string> Variables::lines() const {
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables_) lines.push_back(name + "=" + value);
  return lines;
}

const std::vector<std::string>& stale_identity_names() {
  static const std::vector<std::string> names{"RANK",           "WORLD_SIZE",       "LOCAL_RANK",  "LOCAL_WORLD_SIZE",    "GROUP_RANK",
                                              "NODE_RANK",      "MASTER_ADDR",      "MASTER_PORT", "TORCHELASTIC_RUN_ID", "LLMRUN_LAUNCHER",
                                              "LLMRUN_ATTEMPT", "LLMRUN_ATTEMPT_ID"};
  return names;
}

void remove_stale_identity(Variables& environment) {
  for (const std::string& name : stale_identity_names()) environment.remove(name);
}

}  // namespace llmrun
