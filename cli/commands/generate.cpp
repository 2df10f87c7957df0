#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "launcher/process/sibling.h"
#include "launcher/rundir/find_run.h"

namespace llmrun::cli {
namespace {

/// A Hugging Face directory stays what it is; anything else is a RUN.
std::string place_of(const std::string& word) {
  if (std::filesystem::exists(std::filesystem::path(word) / "config.json")) return word;
  return find_run(word, std::filesystem::current_path()).string();
}

/// llmrun-rank knows the options, and its help is this command's help; only RUN is looked up here, where it is the first word.
void generate(std::vector<std::string> words, Context& context) {
  context.json = context.json || std::find(words.begin(), words.end(), "--json") != words.end();
  if (!words.empty() && !words[0].starts_with('-')) words[0] = place_of(words[0]);
  if (context.json && std::find(words.begin(), words.end(), "--json") == words.end()) words.emplace_back("--json");
  words.insert(words.begin(), "generate");
  become_sibling("llmrun-rank", words);
}

}  // namespace

void add_generate(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("generate", "Continue a text: RUN or a Hugging Face directory, --prompt TEXT or --prompt-ids 1,2,3");
  command->prefix_command()->fallthrough(false);
  command->set_help_flag("");
  command->callback([=, &context] { generate(command->remaining(), context); });
}

}  // namespace llmrun::cli
