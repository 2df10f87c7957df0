#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace llmrun {

/// The options that a command was given, as words again, for the program that does its work: {"--seed", "7", "--overwrite"}. Positionals
/// and the options of commands above are not among them.
std::vector<std::string> given_options(const CLI::App& command);

}  // namespace llmrun
