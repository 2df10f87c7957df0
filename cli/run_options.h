#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "launcher/plan/validate.h"
#include "launcher/profile/layers.h"

namespace llmrun::cli {

/// What every command that looks at a configuration takes: [RUN.yaml] [--set key=value]...
struct RunOptions {
  std::optional<std::string> file;
  std::vector<std::string> sets;
  /// What else is said where keys or values are refused (read_config).
  std::function<void(const Resolved&, std::vector<Complaint>&)> contradictions = check_by_itself;
};

void add_run_options(CLI::App& command, RunOptions& options);

/// An option that keeps an empty value apart from none: "$PBS_NODEFILE" where that is not set must not mean what leaving it out means.
CLI::Option* add_text_option(CLI::App& command, const std::string& names, std::optional<std::string>& value, const std::string& help);

/// What the configuration of these words is made from. Throws where the run file's name is empty.
Sources sources_of(const RunOptions& options);

/// The configuration these words, this environment and this host make. Throws as read_config does.
inline Resolved read_config(const RunOptions& options) { return llmrun::read_config(sources_of(options), options.contradictions); }

}  // namespace llmrun::cli
