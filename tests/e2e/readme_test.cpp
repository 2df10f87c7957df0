#include "tests/support/readme.h"

#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("what the README types on a laptop works, line by line") {
  const CommandLine shell;
  shell.write("book.txt",
              "In the beginning God created the heaven and the earth. And the earth was without form, and void; and darkness was upon "
              "the face of the deep. And the Spirit of God moved upon the face of the waters. And God said, Let there be light.\n");
  shell.write("my-run.yaml",
              "model: gpt-tiny\nrun: {name: my-run, steps: 3}\ndata: {train: data/book, valid: data/book}\n"
              "train: {seq_len: 32, precision: fp32, micro_batch: 1}\nparallel: {tensor: 2}\n");
  const std::vector<std::string> commands = readme_commands("On my laptop");
  CHECK(commands.size() == 7);
  for (const std::string& command : commands) {
    const Outcome outcome = shell(command);
    CHECK_MESSAGE(outcome.exit == 0, (command + "\n" + outcome.err));
  }
  CHECK(std::filesystem::exists(shell.path("my-model/config.json")));
}
