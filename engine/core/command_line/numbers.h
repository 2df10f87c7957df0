#pragma once
#include <CLI/CLI.hpp>
#include <string>

namespace llmrun {

/// Holds every number on a command line to units.h, in `app` and in the commands below it: CLI11 alone takes "nan", reads "010" as eight,
/// an unsigned -1 as 18446744073709551615, and what is too large for it as the largest it can hold. After the last option is added.
void check_numbers(CLI::App& app);

/// Whether `value` is a number as `option` takes it: whole, not negative, or finite, as its type says. True where it takes other words.
bool is_number_of(const CLI::Option& option, const std::string& value);

}  // namespace llmrun
