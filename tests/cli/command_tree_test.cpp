// What holds for every command, whoever adds it.
#include "tests/cli/command_tree.h"

#include "engine/core/json.h"
#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("the help of every command has a usage line, fits 100 columns, and that of every leaf shows how to type it") {
  const CommandLine shell;
  const std::vector<CommandHelp> all = every_command(shell);
  CHECK(all.size() > 20);
  for (const CommandHelp& command : all) {
    CAPTURE(command.name);
    CHECK(command.help.find("Usage: llmrun " + command.name) != std::string::npos);
    std::istringstream lines(command.help);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 100, line);
    if (!command.is_leaf) continue;
    const size_t examples = command.help.find("Examples:\n");
    CHECK(examples != std::string::npos);
    CHECK(command.help.find("llmrun " + command.name, examples) != std::string::npos);
  }
}

TEST_CASE("on a terminal of 80 columns every help fits it") {
  const CommandLine shell;
  for (const CommandHelp& command : every_command(shell)) {
    const std::string help = shell("script -qec 'stty cols 80; llmrun " + command.name + " --help' /dev/null | tr -d '\\r'").out;
    REQUIRE_MESSAGE(help.find("Usage: ") != std::string::npos, command.name);
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 80, command.name, ": ", line);
  }
}

TEST_CASE("the version and a completion script are JSON too, where one asks") {
  const CommandLine shell;
  const std::string version = json::parse(shell("llmrun --version --json").out).at("llmrun");
  CHECK(shell("llmrun --version").out == "llmrun " + version + "\n");
  const json completion = json::parse(shell("llmrun completion zsh --json").out);
  CHECK(completion.at("shell") == "zsh");
  CHECK(completion.at("script") == shell("llmrun completion zsh").out);
}

TEST_CASE("every command with commands below it shows examples of its own") {
  const CommandLine shell;
  for (const CommandHelp& command : every_command(shell)) {
    const std::string help = shell("llmrun " + command.name + " --help").out;
    const size_t examples = help.find("Examples:");
    REQUIRE_MESSAGE(examples != std::string::npos, command.name);
    CHECK_MESSAGE(help.find("llmrun " + command.name, examples) != std::string::npos, command.name);
  }
}

TEST_CASE("an option that does not exist is an error in JSON under --json, of every command") {
  const CommandLine shell;
  for (const CommandHelp& command : every_command(shell)) {
    CAPTURE(command.name);
    const Outcome outcome = shell("llmrun " + command.name + " --json --no-such-option");
    CHECK(outcome.exit == 2);
    const json document = json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
    REQUIRE_MESSAGE(document.is_object(), outcome.out);
    CHECK(document.value("version", 0) == 1);
    CHECK(document["error"].value("code", 0) == 2);
    CHECK_FALSE(document["error"]["complaints"].empty());
  }
}
