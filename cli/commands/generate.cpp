#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "engine/core/command_line/generate_options.h"
#include "engine/core/command_line/given.h"
#include "launcher/process/sibling.h"
#include "launcher/rundir/find_run.h"

namespace llmrun::cli {
namespace {

/// A Hugging Face directory stays what it is; anything else is a RUN.
std::string place_of(const std::string& word) {
  if (std::filesystem::exists(std::filesystem::path(word) / "config.json")) return word;
  return find_run(word, std::filesystem::current_path()).string();
}

/// llmrun-rank does the work: only RUN is looked up here.
void generate(const CLI::App& command, const GenerateOptions& options, Context& context) {
  check_prompt(options);
  std::vector<std::string> words = given_options(command);
  words.insert(words.begin(), {"generate", place_of(options.from)});
  if (context.json) words.emplace_back("--json");
  become_sibling("llmrun-rank", words);
}

}  // namespace

void add_generate(CLI::App& app, Context& context) {
  auto options = std::make_shared<GenerateOptions>();
  auto* command = app.add_subcommand("generate", "Continue a text with a run's newest checkpoint or a Hugging Face directory");
  add_generate_options(*command, *options);
  command->callback([=, &context] { generate(*command, *options, context); });
}

}  // namespace llmrun::cli
