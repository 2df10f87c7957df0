#include "cli/run_options.h"

#include <cctype>

#include "engine/core/spec/fields.h"

namespace llmrun::cli {
namespace {

/// Options for keys that are typed often. A --set counts over them, wherever it stands: what a hint says to type is one, and is typed
/// behind the line that was refused.
void add_key_options(CLI::App& command, RunOptions& options) {
  const auto add = [&](std::string_view names, std::string_view key, std::string_view takes, std::string help) {
    help[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(help[0])));
    const auto set = [&options, key](const std::string& value) {
      options.sets.insert(options.sets.begin(), fmt::format("{}={}", key, value));
    };
    command.add_option_function<std::string>(std::string(names), set, help)->type_name(std::string(takes))->group("Keys, instead of --set");
  };
  add("--machine", "machine", "MACHINE", "machine profile; default: by the host's name");
  add("--model", "model", "MODEL", "model profile");
  for (const Field& field : fields())
    if (!field.option.empty()) add(field.option, field.path, field.option_value, std::string(field.help));
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options) {
  add_text_option(command, "run", options.file, "Run file, or the name of a recipe")->type_name("RUN.yaml");
  command.add_option("--set", options.sets, "Set a key of the configuration, over every file (repeat it for more)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_key_options(command, options);
}

CLI::Option* add_text_option(CLI::App& command, const std::string& names, std::optional<std::string>& value, const std::string& help) {
  return command.add_option_function<std::string>(names, [&value](const std::string& text) { value = text; }, help);
}

Sources sources_of(const RunOptions& options) {
  if (options.file && options.file->empty())
    throw Error(Exit::config, "the run file has an empty name").hint("where a variable of the shell should name it: echo \"$NAME\"");
  return sources_here(options.file.value_or(""), options.sets);
}

}  // namespace llmrun::cli
