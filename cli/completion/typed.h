#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace llmrun::cli {

/// A word that was given for an option or a positional.
struct Given {
  const CLI::Option* option;
  std::string value;
};

/// What the words of an unfinished command line mean to CLI11's command tree, and what may stand at their end.
struct Typed {
  const CLI::App* command = nullptr;    // the innermost command that was named
  std::vector<Given> given;             // in order; flags have an empty value
  const CLI::Option* option = nullptr;  // whose value is being typed; null: a command, or the name of an option
  std::string before;                   // stands in the same word before that value: "--set="
  std::string text;                     // what is typed of it
  bool only_values = false;             // "--" came before: no options any more
  std::string_view program;             // behind `launch --`: "commands", or "files" for its words (Offers::files); else empty

  /// Values given for options and positionals of this type ("KEY=VALUE", "RUN").
  std::vector<std::string> values(std::string_view type) const;
  bool was_given(const CLI::Option& option) const;
};

/// `words` begin behind the program's name; the last one is being typed.
Typed understand(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace llmrun::cli
