#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "engine/core/run_paths.h"
#include "launcher/process/sibling.h"
#include "launcher/rundir/find_run.h"

namespace llmrun::cli {
namespace {

struct CheckpointOptions {
  std::string run = "last";
  std::optional<int64_t> step;
  std::string to;
  std::string dtype = "fp32";
};

/// The run's directory; what llmrun exported itself has none.
std::filesystem::path run_of(const std::string& word) {
  std::error_code none;
  const std::filesystem::path place(word);
  if (std::filesystem::exists(place / "config.json", none) && !std::filesystem::exists(RunPaths(place).plan(), none))
    throw Error(Exit::usage, "'{}' is a Hugging Face directory, not a run: it has no checkpoints", word)
        .hint("llmrun generate {} --prompt TEXT takes it as it is", word);
  return find_run(word, std::filesystem::current_path());
}

/// Becomes llmrun-checkpoint, which knows what a checkpoint is; only RUN is looked up here.
void become(const std::string& action, const CheckpointOptions& options, Context& context) {
  const RunPaths paths(run_of(options.run));
  if (!std::filesystem::is_directory(paths.checkpoints()))
    throw Error(Exit::no_checkpoint, "run '{}' has no checkpoint yet", paths.root().filename().string())
        .hint("llmrun tail {}", options.run);
  std::vector<std::string> words{action, paths.root().string()};
  const auto add = [&](const char* option, const std::string& value) { words.insert(words.end(), {option, value}); };
  if (options.step) add("--step", std::to_string(*options.step));
  if (action == "export") {
    add("--to", options.to);
    add("--dtype", options.dtype);
  }
  if (context.json) words.emplace_back("--json");
  become_sibling("llmrun-checkpoint", words);
}

/// Actions of the contract whose work is not done yet: refused by name, not unknown.
void refuse(CLI::App& command, const std::string& action) {
  auto* refused = command.add_subcommand(action)->group("");
  refused->prefix_command()->fallthrough(false);
  refused->callback(
      [action] { throw Error(Exit::usage, "checkpoint {} is not built yet", action).hint("llmrun checkpoint --help shows what is"); });
}

}  // namespace

void add_checkpoint(CLI::App& app, Context& context) {
  auto options = std::make_shared<CheckpointOptions>();
  auto* command = app.add_subcommand("checkpoint", "Look at the checkpoints of a run, or export its weights");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  llmrun checkpoint list\n  llmrun checkpoint verify my-run\n  llmrun checkpoint export my-run --to my-model --dtype "
      "bf16");
  const auto add = [&](const std::string& action, const char* help, const char* example) {
    auto* added = command->add_subcommand(action, help);
    added->add_option("run", options->run, "Run name, directory, unique prefix, or 'last': the run that was launched last from here")
        ->capture_default_str()
        ->type_name("RUN");
    added->footer(fmt::format("Examples:\n  llmrun checkpoint {} {}", action, example));
    added->callback([=, &context] { become(action, *options, context); });
    return added;
  };
  add("list", "Name them, newest first, and say which can be used", "my-run --json");
  auto* show = add("show", "Say what one holds and who wrote it", "my-run --step 1000");
  auto* verify = add("verify", "Read every byte and hold it to its checksum", "my-run");
  auto* to_hugging_face = add("export", "Write the weights as Hugging Face's transformers reads them", "my-run --to my-model --dtype bf16");
  show->add_option("--step", options->step, "This step; without: the newest usable one")->type_name("STEP");
  verify->add_option("--step", options->step, "This step; without: all")->type_name("STEP");
  to_hugging_face->add_option("--step", options->step, "This step; without: the newest usable one")->type_name("STEP");
  to_hugging_face->add_option("--to", options->to, "A new directory")->required()->type_name("DIR");
  to_hugging_face->add_option("--dtype", options->dtype, "fp32 or bf16")->check(CLI::IsMember({"fp32", "bf16"}))->capture_default_str();
  for (const char* action : {"prune", "import", "reshard"}) refuse(*command, action);
}

}  // namespace llmrun::cli
