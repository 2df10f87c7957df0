#pragma once
#include <CLI/CLI.hpp>

namespace llmrun {

// What an option takes, read from all that CLI11 knows of it: the name of its type and those of its checks. Help, man pages and completion
// speak of values in the same words because all three ask here.

/// Whether a word follows the option; a flag takes none.
bool takes_value(const CLI::Option& option);
/// Whether its type is "INT", "UINT", "FLOAT" or "TEXT", also where a name stands before it: "N:INT in [1 - 8]".
bool speaks_of(const CLI::Option& option, const char* type);
/// The words it is checked against: "gpt" and "llama" of IsMember or CheckedTransformer; none where it is no list of words.
std::vector<std::string> value_words(const CLI::Option& option);
/// "gpt|llama", "N" for any number, else the type's name: "FILE", "KEY=VALUE".
std::string value_name(const CLI::Option& option);

}  // namespace llmrun
