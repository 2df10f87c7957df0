#include "cli/completion/typed.h"

#include <algorithm>

#include "engine/core/command_line/value.h"

namespace llmrun::cli {
namespace {

/// "--set" or "-n", of the command or of one above it: those fall through.
const CLI::Option* find_option(const CLI::App* command, const std::string& name) {
  for (; command != nullptr; command = command->get_parent())
    if (const CLI::Option* option = command->get_option_no_throw(name)) return option;
  return nullptr;
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  const auto found = app.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

std::vector<const CLI::Option*> positionals(const CLI::App& command) {
  return command.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

class Reader {
 public:
  explicit Reader(const CLI::App& app) { typed_.command = &app; }

  void pass(const std::string& word) {
    if (typed_.option != nullptr)
      give(std::exchange(typed_.option, nullptr), word);
    else if (typed_.only_values)
      give_positional(word);
    else if (word == "--")
      typed_.only_values = true;
    else if (word.starts_with("-") && word.size() > 1)
      pass_option(word);
    else if (const CLI::App* command = find_command(*typed_.command, word))
      enter(*command);
    else
      give_positional(word);
  }

  Typed end(const std::string& word) && {
    const size_t equals = word.find('=');
    typed_.text = word;
    if (typed_.option != nullptr) return std::move(typed_);
    if (!typed_.only_values && word.starts_with("-")) {
      if (equals == std::string::npos) return std::move(typed_);
      typed_.option = find_option(typed_.command, word.substr(0, equals));
      typed_.before = word.substr(0, equals + 1);
      typed_.text = word.substr(equals + 1);
      return std::move(typed_);
    }
    typed_.option = next_positional();
    if (typed_.only_values && typed_.command->get_name() == "launch") typed_.program = positionals_given_ == 0 ? "commands" : "files";
    return std::move(typed_);
  }

 private:
  void enter(const CLI::App& command) {
    typed_.command = &command;
    positionals_given_ = 0;
  }
  void give(const CLI::Option* option, const std::string& value) { typed_.given.push_back({option, value}); }
  void give_positional(const std::string& word) {
    if (const CLI::Option* option = next_positional()) give(option, word);
    ++positionals_given_;
  }
  void pass_option(const std::string& word) {
    const size_t equals = word.find('=');
    const CLI::Option* option = find_option(typed_.command, word.substr(0, equals));
    if (option == nullptr) return;
    if (equals != std::string::npos)
      give(option, word.substr(equals + 1));
    else if (takes_value(*option))
      typed_.option = option;
    else
      give(option, "");
  }
  /// The positional that the next word is for; the last one where it takes many.
  const CLI::Option* next_positional() const {
    const auto all = positionals(*typed_.command);
    if (positionals_given_ < all.size()) return all[positionals_given_];
    return !all.empty() && all.back()->get_expected_max() > 1 ? all.back() : nullptr;
  }

  Typed typed_;
  size_t positionals_given_ = 0;  // of the innermost command
};

}  // namespace

std::vector<std::string> Typed::values(std::string_view type) const {
  std::vector<std::string> found;
  for (const Given& one : given)
    if (value_name(*one.option) == type) found.push_back(one.value);
  return found;
}

bool Typed::was_given(const CLI::Option& option) const {
  return std::any_of(given.begin(), given.end(), [&](const Given& one) { return one.option == &option; });
}

Typed understand(const CLI::App& app, const std::vector<std::string>& words) {
  Reader reader(app);
  for (size_t i = 0; i + 1 < words.size(); ++i) reader.pass(words[i]);
  return std::move(reader).end(words.empty() ? "" : words.back());
}

}  // namespace llmrun::cli
