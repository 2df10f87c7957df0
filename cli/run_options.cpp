#include "cli/run_options.h"

namespace llmrun::cli {

void add_run_options(CLI::App& command, RunOptions& options) {
  add_text_option(command, "run", options.file, "Run file, or the name of a recipe")->type_name("RUN.yaml");
  command.add_option("--set", options.sets, "Set a key of the configuration, over every file (repeat it for more)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
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
