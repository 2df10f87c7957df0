#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "launcher/plan/validate.h"
#include "launcher/profile/layers.h"

namespace llmrun::cli {

/// What every command that looks at a configuration takes: [RUN.yaml] [--set key=value]...
struct RunOptions {
  std::string file;
  std::vector<std::string> sets;
};

void add_run_options(CLI::App& command, RunOptions& options);

/// The configuration these words, this environment and this host make. Throws as read_config does.
inline Resolved read_config(const RunOptions& options) {
  return llmrun::read_config(sources_here(options.file, options.sets), check_by_itself);
}

}  // namespace llmrun::cli
