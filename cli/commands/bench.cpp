#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "engine/core/command_line/bench_step_options.h"
#include "engine/core/command_line/given.h"
#include "launcher/process/sibling.h"

namespace llmrun::cli {
namespace {

/// Actions of the contract whose work is not done yet: refused by name, not unknown.
void refuse(CLI::App& bench, const std::string& action) {
  auto* refused = bench.add_subcommand(action)->group("");
  refused->prefix_command()->fallthrough(false);
  refused->callback([action] { throw Error(Exit::usage, "bench {} is not built yet", action).hint("llmrun bench step --help"); });
}

/// Becomes llmrun-rank, which does the work.
void bench_step(const CLI::App& command, Context& context) {
  std::vector<std::string> words = given_options(command);
  words.insert(words.begin(), {"bench", "step"});
  if (context.json) words.emplace_back("--json");
  become_sibling("llmrun-rank", words);
}

void add_bench_step(CLI::App& bench, Context& context) {
  auto arguments = std::make_shared<BenchStepArguments>();
  auto* command = bench.add_subcommand("step", "Time one rank's training step on tokens made by seed");
  add_bench_step_options(*command, *arguments);
  command->callback([=, &context] { bench_step(*command, context); });
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("bench", "Measure the trainer on this machine");
  command->require_subcommand(1);
  add_bench_step(*command, context);
  for (const char* action : {"ops", "attention", "comm", "sweep", "startup"}) refuse(*command, action);
}

}  // namespace llmrun::cli
