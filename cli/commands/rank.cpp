#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "launcher/launch/run_program.h"

namespace llmrun::cli {

void add_rank(CLI::App& app, Context& context) {
  struct RankOptions {
    std::string run, hosts;
    ProgramRank rank;
  };
  auto options = std::make_shared<RankOptions>();
  auto* command = app.add_subcommand("__rank", "One rank of `llmrun launch`: the launcher starts it");
  command->add_option("--run", options->run)->required();
  command->add_option("--hosts", options->hosts)->required();
  command->add_flag("!--no-log", options->rank.keeps_log);
  command->add_option("--gpus", options->rank.gpus);
  command->add_option("--accelerator", options->rank.accelerator);
  command->add_option("--affinity", options->rank.affinity);
  command->callback([=, &context] {
    ProgramRank rank = options->rank;
    rank.run = options->run;
    rank.ranks_of_hosts = parse_host_counts(options->hosts);
    rank.argv = program_words(context.program);
    if (rank.argv.empty()) throw Error(Exit::usage, "__rank needs a program behind '--'");
    context.set_exit(run_program(rank, Variables::of_this_process()));
  });
}

}  // namespace llmrun::cli
