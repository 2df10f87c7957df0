#pragma once
#include <set>
#include <vector>

#include "tests/cli/command.h"

namespace llmrun {

/// A command and the help it prints.
struct CommandHelp {
  std::string name;  // behind "llmrun": "config show"
  std::string help;
  bool is_leaf = true;

  std::string first_word() const { return name.substr(0, name.find(' ')); }
  /// "--set" and the like, at the beginnings of the help's lines.
  std::set<std::string> long_options() const {
    std::set<std::string> options;
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("  -")) continue;
      for (size_t at = line.find("--"); at < 28 && at != std::string::npos; at = line.find("--", at + 2))
        options.insert(line.substr(at, line.find_first_of(" ,\n", at) - at));
    }
    return options;
  }
};

/// The commands that a help lists: the names in groups other than those of positionals and options.
inline std::vector<std::string> commands_in(const std::string& help) {
  std::vector<std::string> names;
  bool in_commands = false;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    if (line == "Examples:") break;
    if (line.ends_with(':') && !line.starts_with(' ')) in_commands = line != "Positionals:";
    if (in_commands && line.size() > 2 && line.starts_with("  ") && line[2] != ' ' && line[2] != '-')
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return names;
}

inline void add_commands(const CommandLine& shell, const std::string& name, std::vector<CommandHelp>& all) {
  const std::string help = shell("llmrun " + name + " --help").out;
  const std::vector<std::string> below = commands_in(help);
  if (!name.empty()) all.push_back({name, help, below.empty()});
  for (const std::string& word : below) add_commands(shell, name.empty() ? word : name + " " + word, all);
}

/// Every command of llmrun and those below it.
inline std::vector<CommandHelp> every_command(const CommandLine& shell) {
  std::vector<CommandHelp> all;
  add_commands(shell, "", all);
  return all;
}

}  // namespace llmrun
