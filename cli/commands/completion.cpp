#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/completion_scripts.h"
#include "cli/context.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/spec/fields.h"
#include "launcher/profile/layers.h"

namespace llmrun::cli {
namespace {

using Words = std::vector<std::string>;

Words profile_names(ProfileKind kind) { return Catalog(sources_here("", {}).profile_directories).names(kind); }

/// "parallel.tensor=", or "train.precision=fp32" and its like once the key stands.
Words settings(const std::string& word) {
  const size_t equals = word.find('=');
  Words words;
  if (equals == std::string::npos) {
    for (const char* profiled : {"machine=", "model="}) words.emplace_back(profiled);
    for (const Field& field : fields()) words.push_back(std::string(field.path) + "=");
    return words;
  }
  const std::string key = word.substr(0, equals);
  Words values;
  if (key == "machine") values = profile_names(ProfileKind::machine);
  if (key == "model") values = profile_names(ProfileKind::model);
  if (const Field* field = find_field(key)) values = field->choices();
  for (const std::string& value : values) words.push_back(key + "=" + value);
  return words;
}

/// What may stand where the last of `words` is being typed. Nothing: the shell offers files.
Words candidates(const CLI::App& app, const Words& words) {
  const CLI::App* command = &app;
  for (size_t i = 0; i + 1 < words.size(); ++i)
    for (const std::string& name : command_names(*command))
      if (name == words[i]) {
        command = command->get_subcommand(name);
        break;
      }
  const std::string& current = words.back();
  const std::string before = words.size() > 1 ? words[words.size() - 2] : "";
  if (before == "--set") return settings(current);
  if (before == "--color") return {"auto", "always", "never"};
  if (current.starts_with("-")) return option_names(*command);
  if (command->get_name() == "completion") return {"bash", "zsh", "fish"};
  if (command->get_name() == "show" && command->get_parent()->get_name() == "profiles") {
    Words names;
    for (ProfileKind kind : {ProfileKind::machine, ProfileKind::model, ProfileKind::recipe})
      for (std::string& name : profile_names(kind)) names.push_back(std::move(name));
    return names;
  }
  return command_names(*command);
}

void complete(const CLI::App& app, Words words, Context& context) {
  if (words.empty()) words.emplace_back();
  for (const std::string& candidate : candidates(app, words))
    if (candidate.starts_with(words.back())) context.out().print("{}\n", candidate);
}

}  // namespace

void add_completion(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  auto* command = app.add_subcommand("completion", "Print the completion script of a shell");
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Examples:\n  source <(llmrun completion bash)\n  llmrun completion fish > ~/.config/fish/completions/llmrun.fish");
  command->callback([=, &context] {
    context.out().write(*shell == "bash" ? kBashCompletion : *shell == "zsh" ? kZshCompletion : kFishCompletion);
  });
}

void add_complete(CLI::App& app, Context& context) {
  auto words = std::make_shared<Words>();
  auto* command = app.add_subcommand("__complete", "What the completion scripts ask: the words after llmrun, the last one being typed");
  command->add_option("words", *words, "Words of the command line");
  command->callback([=, &app, &context] { complete(app, *words, context); });
}

}  // namespace llmrun::cli
