#include "engine/core/command_line/usage.h"

#include "engine/core/spec/nearest.h"

namespace llmrun {
namespace {

std::string lower_first(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  while (text.ends_with('\n') || text.ends_with('.')) text.pop_back();
  return text;
}

/// What a number must be that CLI11's Range between 0 and the largest double refuses.
std::string wanted(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type.find("NONNEGATIVE") != std::string::npos) return "a number of 0 or more";
  if (type.find("POSITIVE") != std::string::npos) return "a number above 0";
  return "";
}

/// CLI11's sentence without its Value, capital letters and limits of 300 digits.
std::string told(const CLI::App& command, const std::string& sentence) {
  const size_t colon = sentence.find(": Value "), end = sentence.find(" not in range ");
  if (colon == std::string::npos || end == std::string::npos) return lower_first(sentence);
  const std::string name = sentence.substr(0, colon), value = sentence.substr(colon + 8, end - colon - 8);
  const CLI::Option* option = command.get_option_no_throw(name);
  if (option == nullptr || wanted(*option).empty())
    return fmt::format("{}: '{}' is not in the range {}", name, value, sentence.substr(end + 14));
  return fmt::format("{}: '{}' is not {}", name, value, wanted(*option));
}

Error unknown_word(const CLI::App& command, const std::string& word) {
  const bool is_option = word.starts_with('-');
  const std::vector<std::string> names = is_option ? option_names(command) : command_names(command);
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view near = nearest(word.substr(0, word.find('=')), candidates);
  const char* kind = is_option ? "option" : names.empty() ? "argument" : "command";
  Error error(Exit::usage, "unknown {} '{}' of '{}'", kind, word, full_name(command));
  if (!near.empty()) return error.hint("did you mean '{}'?", near);
  return error.hint("{} --help", full_name(command));
}

}  // namespace

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

Error usage_error(const CLI::App& app, const CLI::ParseError& failure) {
  const CLI::App& command = reached_command(app);
  const std::vector<std::string> left = app.remaining(true);
  if (!left.empty()) return unknown_word(command, left.front());
  if (const auto names = command_names(command); !names.empty() && command.get_parent())
    return Error(Exit::usage, "'{}' needs a command", full_name(command)).hint("{} {}", full_name(command), fmt::join(names, "|"));
  return Error(Exit::usage, "{}", told(command, failure.what())).hint("{} --help", full_name(command));
}

}  // namespace llmrun
