#include <CLI/CLI.hpp>
#include <array>
#include <span>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/ui/diagnostics.h"
#include "engine/core/command_line/help.h"
#include "engine/core/command_line/numbers.h"
#include "engine/core/command_line/told_error.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/file_modes.h"
#include "engine/core/json.h"
#include "engine/core/system_error.h"

namespace llmrun::cli {
namespace {

struct Command {
  const char* name;
  const char* group;  // empty: hidden
  void (*add)(CLI::App&, Context&);
};

constexpr Command kCommands[] = {
    {"train", "Run", add_train},
    {"launch", "Run", add_launch},
    {"tail", "Run", add_tail},
    {"submit", "Queue", add_submit},
    {"status", "Queue", add_status},
    {"explain", "Queue", add_explain},
    {"cancel", "Queue", add_cancel},
    {"history", "Queue", add_history},
    {"show", "Queue", add_show},
    {"plan", "Plan", add_plan},
    {"render", "Plan", add_render},
    {"config", "Configure", add_config},
    {"doctor", "Configure", add_doctor},
    {"profiles", "Configure", add_profiles},
    {"data", "Data and models", add_data},
    {"checkpoint", "Data and models", add_checkpoint},
    {"generate", "Use", add_generate},
    {"bench", "Use", add_bench},
    {"completion", "Shell", add_completion},
    {"man", "Shell", add_man},
    {"__complete", "", add_complete},
    {"__rank", "", add_rank},
};

void add_everything(CLI::App& app, Context& context) {
  app.name("llmrun");
  app.formatter(std::make_shared<Help>(help_width()));  // before the commands: they inherit it
  app.footer("Examples:\n  llmrun train my-run.yaml --ranks 4\n  llmrun submit my-run.yaml --set job.queue=debug\n  llmrun tail");
  app.set_version_flag("--version", "llmrun " LLMRUN_VERSION);
  app.add_flag("--json", context.json, "Data on stdout as JSON, errors too");
  app.add_option("--color", context.color, "auto: on a terminal, unless NO_COLOR is set")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();  // --json may stand behind the command; commands below inherit this
  for (const Command& command : kCommands) {
    command.add(app, context);
    app.get_subcommand(command.name)->group(command.group);
  }
}

/// Takes the words behind the first "--" where the command is one that runs a program.
std::vector<std::string> take_program(int& argc, char** argv) {
  const std::span<char*> words(argv, static_cast<size_t>(argc));
  const auto command = std::find_if(words.begin() + 1, words.end(), [](std::string_view word) {
    return word == "--" ||
           std::any_of(std::begin(kCommands), std::end(kCommands), [&](const Command& known) { return word == known.name; });
  });
  if (command == words.end() || (*command != std::string_view("launch") && *command != std::string_view("__rank"))) return {};
  const auto mark = std::find_if(command, words.end(), [](std::string_view word) { return word == "--"; });
  if (mark == words.end()) return {};
  argc = static_cast<int>(mark - words.begin());
  return {mark + 1, words.end()};
}

int report(const Error& error, Context& context) {
  if (context.json) context.out().print("{}\n", error_json(error).dump(2, ' ', false, json::error_handler_t::replace));
  context.talk().write(diagnostics(error, context.colored(context.talk())));
  return static_cast<int>(error.code());
}

int run(int argc, char** argv) {
  keep_others_from_writing();
  Context context;
  CLI::App app("Plan, launch, follow and train large language models");
  add_everything(app, context);
  check_numbers(app);
  context.program = take_program(argc, argv);
  try {
    try {
      app.parse(argc, argv);
    } catch (const CLI::CallForVersion& asked) {
      if (asks_for_json(argc, argv)) {
        context.out().print("{}\n", json{{"version", 1}, {"llmrun", LLMRUN_VERSION}}.dump(2));
      } else {
        app.exit(asked);
      }
    } catch (const CLI::Success& asked) {  // --help
      app.exit(asked);
    } catch (const CLI::ParseError& failure) {
      context.json = asks_for_json(argc, argv);
      throw usage_error(app, failure);
    }
    if (context.out().failed()) throw stdout_error();
    return context.exit();
  } catch (const std::exception& failure) {
    return report(as_error(failure), context);
  }
}

}  // namespace
}  // namespace llmrun::cli

int main(int argc, char** argv) { return llmrun::cli::run(argc, argv); }
