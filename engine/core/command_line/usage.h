#pragma once
#include <CLI/CLI.hpp>

#include "engine/core/error.h"

namespace llmrun {

/// What CLI11 could not parse, as our own error (Exit::usage): an unknown command or option with the nearest one that exists.
Error usage_error(const CLI::App& app, const CLI::ParseError& failure);

/// A line that CLI11 cannot parse sets no flags, and its error still wants to know this one.
bool asks_for_json(int argc, const char* const* argv);

/// The subcommand that the words of the command line reached.
const CLI::App& reached_command(const CLI::App& app);

/// "llmrun config show".
std::string full_name(const CLI::App& command);
/// " -- PROGRAM [WORDS]" of a command that runs one, whose words CLI11 never sees; else empty.
std::string_view program_in_usage(const CLI::App& command);
/// "--set" and the like of a command and of those above it.
std::vector<std::string> option_names(const CLI::App& command);
/// The commands below, without the hidden ones.
std::vector<std::string> command_names(const CLI::App& command);

}  // namespace llmrun
