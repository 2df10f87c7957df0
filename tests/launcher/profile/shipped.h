#pragma once
#include "launcher/profile/layers.h"

namespace llmrun {

/// A run that knows the shipped profiles and nothing else, on a machine that none of them is for.
inline Sources shipped_sources(std::map<std::string, std::string> environment = {}, std::vector<std::string> sets = {}) {
  return {.sets = std::move(sets),
          .environment = std::move(environment),
          .host = "nowhere",
          .directory = "/",
          .profile_directories = {std::filesystem::path(LLMRUN_SOURCE_DIR) / "profiles"}};
}

/// What is wrong with it, a line each; empty where it can be read.
inline std::string what_is_wrong(const Sources& sources) {
  try {
    read_config(sources);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace llmrun
