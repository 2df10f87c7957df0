#include "cli/run_options.h"

namespace llmrun::cli {

void add_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("run", options.file, "Run file, or the name of a recipe")->type_name("RUN.yaml");
  command.add_option("--set", options.sets, "Set a key of the configuration, over every file (repeat it for more)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace llmrun::cli
