#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/run_meant.h"
#include "cli/tail_run.h"
#include "launcher/follow/log_line.h"

namespace llmrun::cli {

void add_tail(CLI::App& app, Context& context) {
  auto options = std::make_shared<TailOptions>();
  auto* command = app.add_subcommand("tail", "Follow a run, from its place in the queue to its end, then exit as it did");
  command->add_option("run", options->run, kRunMeant)->capture_default_str()->type_name("RUN");
  command->add_option("-r,--ranks", options->ranks, "Logs of these ranks: 0, 0,8-11 or all; default: the combined log")->type_name("RANKS");
  command->add_option("--hosts", options->hosts, "Logs of the ranks on these hosts: 'x3001*', 'n1,n2'")->type_name("GLOB");
  command->add_option("-n,--lines", options->lines, "Earlier lines to show first; default: 20, with --since all of them")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--since", options->since, "Show earlier lines from this time on: 10m (ago), 2d, 2023-10-11T09:29:06Z")
      ->type_name("TIME");
  command->add_option("--level", options->level, "Only lines of this level and worse, each with the lines behind it that have none")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "critical"}));
  command->add_option("--grep", options->grep, "Only lines that match this extended regular expression")->type_name("RE");
  command->add_flag("--raw", options->raw, "Control characters as they are; without it, visible: \\x1b");
  command->footer(
      "Ctrl-C leaves the run alone and exits 130. Without -r and --hosts it shows the combined log: what the run itself showed. Lines of "
      "several ranks are merged by their times, with '[RANK]' before each; -n looks so many lines back in each of their logs, whatever "
      "--level and --grep leave of them. Where llmrun is not: "
      "tail -f $(tail -1 logfiles)\n"
      "Examples:\n  llmrun tail\n  llmrun tail 1126584 -r 0,8-15 --grep loss\n  llmrun tail my-run -r all --level warning --since 10m");
  command->callback([=, &context] { tail_run(*options, context); });
}

}  // namespace llmrun::cli
