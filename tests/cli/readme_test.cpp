#include "tests/support/readme.h"

#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("the README's profile of a machine of one's own is one, and its commands do what they say") {
  const CommandLine shell;
  const std::string heading = "Bring your own machine";
  std::filesystem::create_directories(shell.path(".config/llmrun/profiles/machines"));
  shell.write(".config/llmrun/profiles/machines/mymachine.yaml", readme_yaml(heading));
  shell.write("my-run.yaml", "model: gpt-tiny\nrun: {name: my-run, steps: 200}\ntrain: {seq_len: 64, precision: fp32}\n");
  const std::vector<std::string> commands = readme_commands(heading);
  CHECK(commands.size() == 5);
  std::string said;
  for (const std::string& command : commands) {
    const Outcome outcome = shell(command);
    CHECK_MESSAGE(outcome.exit == 0, (command + "\n" + outcome.err));
    said += outcome.out + outcome.err;
  }
  for (const char* fact : {"mymachine", "#PBS -l select=2:arch=milan", "#PBS -q batch", "mpiexec.hydra", "module load"})
    CHECK_MESSAGE(said.find(fact) != std::string::npos, fact);
}
