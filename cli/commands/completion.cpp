#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/completion/candidates.h"
#include "cli/completion/line.h"
#include "cli/completion_scripts.h"
#include "cli/context.h"
#include "engine/core/json.h"

namespace llmrun::cli {
namespace {

struct CompleteOptions {
  std::string line;    // up to the cursor, with its quotes
  std::string breaks;  // COMP_WORDBREAKS of bash
  bool insert = false;
};

/// The words behind the program's name, which assignments and `sudo` may stand before.
std::vector<std::string> behind_program(const std::vector<std::string>& words) {
  const auto is_llmrun = [](const std::string& word) { return std::filesystem::path(word).filename() == "llmrun"; };
  const auto found = std::find_if(words.begin(), words.end() - 1, is_llmrun);
  const auto program = found == words.end() - 1 ? words.begin() : found;
  return {std::min(program + 1, words.end() - 1), words.end()};
}

std::string on_one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
  return printable(text);
}

/// A line for each candidate, WORD<tab>ABOUT; a line that begins with a tab asks the shell for files: KIND<tab>BEFORE<tab>PATH.
void complete(const CLI::App& app, const CompleteOptions& options, Context& context) {
  const Line line = split_line(options.line, options.breaks);
  const Offers all = offers(understand(app, behind_program(line.words)));
  for (const Candidate& candidate : all.candidates) {
    if (printable(candidate.word) != candidate.word || candidate.word.find_first_of("\t\n") != std::string::npos) continue;
    context.out().print("{}\t{}\n", options.insert ? insertion(line, candidate.word) : candidate.word, on_one_line(candidate.about));
  }
  if (!all.files.empty()) context.out().print("\t{}\t{}\t{}\n", all.files, on_one_line(all.before), on_one_line(all.path));
}

}  // namespace

void add_completion(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  auto* command = app.add_subcommand("completion", "Print the completion script of a shell");
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Examples:\n  source <(llmrun completion bash)\n  llmrun completion fish > ~/.config/fish/completions/llmrun.fish");
  command->callback([=, &context] {
    const std::string script(*shell == "bash" ? kBashCompletion : *shell == "zsh" ? kZshCompletion : kFishCompletion);
    context.out().write(context.json ? json{{"version", 1}, {"shell", *shell}, {"script", script}}.dump(2) + "\n" : script);
  });
}

void add_complete(CLI::App& app, Context& context) {
  auto options = std::make_shared<CompleteOptions>();
  auto* command = app.add_subcommand("__complete", "What the completion scripts ask: the command line up to the cursor");
  command->add_option("line", options->line, "The command line, with its quotes")->required();
  command->add_option("--breaks", options->breaks, "Characters at which the shell begins to replace anew (COMP_WORDBREAKS)");
  command->add_flag("--insert", options->insert, "Words as they are to be inserted: quoted, and without what stands there already");
  command->callback([=, &app, &context] { complete(app, *options, context); });
}

}  // namespace llmrun::cli
