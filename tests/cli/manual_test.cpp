#include <regex>

#include "tests/cli/command.h"
#include "tests/cli/command_tree.h"
#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("man renders every page without a warning, and finds the pages by name") {
  const CommandLine shell;
  REQUIRE(shell("llmrun man --to share/man1").exit == 0);
  const Outcome rendered = shell(
      "mkdir share/man5; mv share/man1/*.5 share/man5\n"
      "for page in share/man1/*.1 share/man5/*.5; do man --warnings=w -E UTF-8 -l -Tutf8 -Z \"$page\" >/dev/null || echo \"$page\"; done\n"
      "MANPATH=$PWD/share MANPAGER=cat man llmrun-tail | head -4; ls share/man1 share/man5 | wc -l");
  CHECK(rendered.err == "");
  CHECK(rendered.out.find("llmrun-tail - ") != std::string::npos);
}

TEST_CASE("launch shows where its program stands, in the help and on its page") {
  const CommandLine shell;
  CHECK(shell("llmrun launch --help").out.find("Usage: llmrun launch [OPTIONS] -- PROGRAM [WORDS]\n") != std::string::npos);
  CHECK(shell("llmrun man launch | man -l -").out.find("llmrun launch [OPTIONS] -- PROGRAM [WORDS]\n") != std::string::npos);
  CHECK(shell("llmrun tail --help").out.find("PROGRAM") == std::string::npos);
}

TEST_CASE("every option, with its words and its default, is in the page of its command") {
  const CommandLine shell;
  for (const CommandHelp& command : every_command(shell)) {
    const std::string page = shell("llmrun man " + command.first_word() + " | man -l -").out;
    for (const std::string& option : command.long_options())
      CHECK_MESSAGE(page.find(option) != std::string::npos, command.name, " ", option);
  }
}

TEST_CASE("every key of a run file is in llmrun-config(5), with its name in the environment") {
  const CommandLine shell;
  const std::string page = shell("llmrun man --keys | MANWIDTH=500 man -l -").out;
  std::istringstream keys(shell("llmrun config schema --text | grep '^[a-z]' | cut -d' ' -f1").out);
  int count = 0;
  for (std::string key; std::getline(keys, key); ++count) {
    CHECK_MESSAGE(std::regex_search(page, std::regex("\n +" + key + "( |\n)")), key);
    std::string variable = "LLMRUN_";
    for (const char c : key) variable += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    CHECK_MESSAGE(page.find(variable) != std::string::npos, variable);
  }
  CHECK(count > 100);
}

TEST_CASE("a page that is not there names the nearest, as JSON too") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun man trian --json");
  CHECK(outcome.exit == 2);
  CHECK(outcome.err.find("hint: llmrun man train") != std::string::npos);
  CHECK(outcome.out.find("\"version\": 1") != std::string::npos);
}
