#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

std::string completed(const std::string& words) { return CommandLine()("llmrun __complete -- " + words).out; }

bool has_shell(const std::string& shell) {
  if (CommandLine()("command -v " + shell).exit == 0) return true;
  MESSAGE("not tested: " << shell << " is not installed");
  return false;
}

}  // namespace

TEST_CASE("commands, options, keys, values and profile names complete") {
  CHECK(completed("conf") == "config\n");
  CHECK(completed("config ''") == "show\ncheck\nschema\n");
  CHECK(completed("config show --o") == "--origin\n");
  CHECK(completed("config show --set parallel.ten") == "parallel.tensor=\n");
  CHECK(completed("config show --set train.precision=f") == "train.precision=fp32\ntrain.precision=fp16\ntrain.precision=fp8\n");
  CHECK(completed("config show --set machine=pol") == "machine=polaris\n");
  CHECK(completed("profiles show gpt-13") == "gpt-13b\n");
  CHECK(completed("completion z") == "zsh\n");
  CHECK(completed("zzz") == "");
}

TEST_CASE("the hidden command is not offered") {
  CHECK(completed("''").find("__complete") == std::string::npos);
  CHECK(CommandLine()("llmrun --help").out.find("__complete") == std::string::npos);
}

TEST_CASE("bash completes through its script") {
  const CommandLine shell;
  shell.write(
      "ask.sh",
      "source <(llmrun completion bash)\n"
      "for COMP_LINE in 'llmrun config sh' 'llmrun config ' 'llmrun config show --set train.precision=b' 'llmrun profiles show pol'; do\n"
      "  COMP_POINT=${#COMP_LINE}; compopt() { :; }; _llmrun; echo \"${COMPREPLY[*]}\"\n"
      "done\n");
  const Outcome outcome = shell("bash ask.sh");
  CHECK(outcome.err == "");
  CHECK(outcome.out == "show\nshow check schema\nbf16\npolaris\n");
}

TEST_CASE("zsh completes through its script") {
  if (!has_shell("zsh")) return;
  const CommandLine shell;
  shell.write("ask.zsh",
              "compdef() { :; }\n"
              "compadd() { shift 3; print -- \"$@\"; }\n"
              "_files() { print files; }\n"
              "source <(llmrun completion zsh)\n"
              "words=(llmrun config sh); CURRENT=3; _llmrun\n"
              "words=(llmrun config ''); CURRENT=3; _llmrun\n"
              "words=(llmrun config show r); CURRENT=4; _llmrun\n"
              "unfunction _llmrun; mkdir functions; llmrun completion zsh > functions/_llmrun  # as it is installed\n"
              "fpath=($PWD/functions); autoload -U _llmrun; words=(llmrun config sh); CURRENT=3; _llmrun\n");
  const Outcome outcome = shell("zsh -f ask.zsh");
  CHECK(outcome.err == "");
  CHECK(outcome.out == "show\nshow check schema\nfiles\nshow\n");
}

TEST_CASE("fish completes through its script") {
  if (!has_shell("fish")) return;
  const Outcome outcome = CommandLine()(
      "fish --no-config -c \"llmrun completion fish | source; complete -C 'llmrun config sh'; complete -C 'llmrun profiles show pol'\"");
  CHECK(outcome.out == "show\npolaris\n");
}
