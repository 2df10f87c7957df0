#include "engine/core/command_line/usage.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/core/command_line/refusal.h"
#include "engine/core/spec/fields.h"
#include "engine/core/spec/nearest.h"

namespace llmrun {
namespace {

/// "--set train.seq_len=VALUE" for "--seq-len" and "--seq_len": what other tools have as options are keys here. Empty: no key is called so.
std::string key_instead(const CLI::App& command, std::string name) {
  const std::vector<std::string> options = option_names(command);
  if (std::find(options.begin(), options.end(), "--set") == options.end()) return "";
  name.erase(0, name.find_first_not_of('-'));
  std::replace(name.begin(), name.end(), '-', '_');
  if (name == "model" || name == "machine") return fmt::format("--set {}=NAME", name);
  std::vector<std::string> keys;
  for (const Field& field : fields())
    if (field.path == name || field.path.ends_with("." + name)) keys.push_back(fmt::format("--set {}=VALUE", field.path));
  return fmt::format("{}", fmt::join(keys, ", or "));
}

Error unknown_word(const CLI::App& command, const std::string& word) {
  const bool is_option = word.starts_with('-');
  const std::vector<std::string> names = is_option ? option_names(command) : command_names(command);
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string name = word.substr(0, word.find('='));
  const std::string key = is_option ? key_instead(command, name) : "";
  const std::string_view near = nearest(name, candidates);
  const char* kind = is_option ? "option" : names.empty() ? "argument" : "command";
  Error error(Exit::usage, "unknown {} '{}' of '{}'", kind, word, full_name(command));
  if (!key.empty()) return error.hint("it is a key of the configuration: {}", key);
  if (!near.empty()) return error.hint("did you mean '{}'?", near);
  return error.hint("{} --help", full_name(command));
}

}  // namespace

std::string_view program_in_usage(const CLI::App& command) { return command.get_name() == "launch" ? " -- PROGRAM [WORDS]" : ""; }

std::string full_name(const CLI::App& command) {
  return command.get_parent() ? fmt::format("{} {}", full_name(*command.get_parent()), command.get_name()) : command.get_name();
}

const CLI::App& reached_command(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : reached_command(*parsed.back());
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* level = &command; level; level = level->get_parent())
    for (const CLI::Option* option : level->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> command_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); }))
    names.push_back(sub->get_name());
  return names;
}

bool asks_for_json(int argc, const char* const* argv) {
  return std::any_of(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--json"; });
}

Error usage_error(const CLI::App& app, const CLI::ParseError& failure) {
  const CLI::App& command = reached_command(app);
  const std::vector<std::string> left = app.remaining(true);
  if (!left.empty()) return unknown_word(command, left.front());
  const auto names = command_names(command);
  if (dynamic_cast<const CLI::RequiredError*>(&failure) == nullptr || names.empty()) return refusal(command, failure);
  const std::string next = command.get_parent() ? fmt::format("{}", fmt::join(names, "|")) : "--help";
  return Error(Exit::usage, "'{}' needs a command", full_name(command)).hint("{} {}", full_name(command), next);
}

}  // namespace llmrun
