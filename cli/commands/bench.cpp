#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "launcher/process/sibling.h"

namespace llmrun::cli {
namespace {

void bench(std::vector<std::string> words, Context& context) {
  constexpr std::array<std::string_view, 5> kLater{"ops", "attention", "comm", "sweep", "startup"};
  if (!words.empty() && std::find(kLater.begin(), kLater.end(), words[0]) != kLater.end())
    throw Error(Exit::usage, "bench {} is not built yet", words[0]).hint("llmrun bench step --help");
  if (context.json) words.emplace_back("--json");
  words.insert(words.begin(), "bench");
  become_sibling("llmrun-rank", words);
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("bench", "Measure the trainer on this machine: bench step --help shows how");
  command->prefix_command()->fallthrough(false);
  command->set_help_flag("");
  command->callback([=, &context] { bench(command->remaining(), context); });
}

}  // namespace llmrun::cli
