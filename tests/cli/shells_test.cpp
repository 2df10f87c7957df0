// Tab in the real shells, on a terminal: bash, zsh and fish are among the packages of ./bootstrap.
#include <vector>

#include "tests/cli/typing.h"
#include "tests/support/terminal.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// How a shell is started, and the file it reads first.
struct Kind {
  const char* file;
  const char* text;
  const char* command;
};

constexpr Kind kBash{"bash.rc", "PS1='ready> '\nbind 'set enable-bracketed-paste off'\nsource <(llmrun completion bash)\n",
                     "bash --noprofile --rcfile bash.rc -i"};
constexpr Kind kZsh{".zshrc", "autoload -Uz compinit; compinit -u -D; source <(llmrun completion zsh); unsetopt prompt_sp; PS1='ready> '\n",
                    "zsh -d -i"};
constexpr Kind kZshInstalled{".zshrc",
                             "mkdir functions; llmrun completion zsh > functions/_llmrun; fpath=($PWD/functions $fpath)\n"
                             "autoload -Uz compinit; compinit -u -D; unsetopt prompt_sp; PS1='ready> '\n",
                             "zsh -d -i"};
constexpr Kind kFish{"fish.rc",
                     "llmrun completion fish | source\nfunction fish_prompt\n echo -n 'ready> '\nend\nfunction fish_greeting\nend\n",
                     "fish --no-config --init-command 'source fish.rc' -i"};

/// An interactive shell that knows our completion.
class Shell {
 public:
  explicit Shell(const Kind& kind) : terminal_(start(kind)) {
    REQUIRE_MESSAGE(terminal_.wait_for("ready> "), kind.command, " did not start: ", terminal_.last_words());
  }

  /// The words that the shell takes from `line` after Tab. They come from the shell itself, which runs `words` on them.
  std::string after_tab(const std::string& line) {
    const size_t before = terminal_.screen().size();
    constexpr char kToBegin[] = "\x01", kTab[] = "\t";
    terminal_.type(line + kTab + kToBegin + "./words \r");
    if (!terminal_.wait_for(">.", before)) return "no answer: " + terminal_.last_words();
    const std::string& screen = terminal_.screen();
    const size_t end = screen.find(">.", before), begin = screen.rfind("<llmrun>", end);
    terminal_.wait_for("ready> ", end);
    return begin == std::string::npos ? "no words: " + terminal_.last_words() : screen.substr(begin, end + 1 - begin);
  }

  /// Whether pressing Tab twice shows all of these.
  bool shows(const std::string& line, const std::vector<std::string>& texts) {
    const size_t before = terminal_.screen().size();
    terminal_.type(line + "\t\t");
    bool all = true;
    for (const std::string& text : texts) all = all && terminal_.wait_for(text, before);
    CHECK_MESSAGE(all, terminal_.last_words());
    return all;
  }
  const std::string& screen() const { return terminal_.screen(); }

 private:
  std::string start(const Kind& kind) const {
    at_.write(kind.file, kind.text);
    return at_.script(std::string("export TERM=xterm LC_ALL=C.UTF-8; exec ") + kind.command);
  }

  Workplace at_;
  Terminal terminal_;
};

struct Pressed {
  const char* line;
  const char* words;
};

constexpr Pressed kEveryShell[] = {
    {"llmrun tail kj", "<llmrun><tail><kjv-run>"},
    {"llmrun tail king\\ j", "<llmrun><tail><king james>"},
    {"llmrun tail kin", "<llmrun><tail><king james>"},
    {"llmrun tail 'king j", "<llmrun><tail><king james>"},
    {"llmrun tail \"king j", "<llmrun><tail><king james>"},
    {"llmrun tail alpha:", "<llmrun><tail><alpha:1>"},
    {"llmrun tail it", "<llmrun><tail><it's>"},
    {"llmrun tail queu", "<llmrun><tail><queued-run>"},
    {"llmrun tail kjv-run -r a", "<llmrun><tail><kjv-run><-r><all>"},
    {"llmrun --vers", "<llmrun><--version>"},
    {"llmrun submit --set job.q", "<llmrun><submit><--set><job.queue=>"},
    {"llmrun submit --set machine=polaris --set job.queue=dem", "<llmrun><submit><--set><machine=polaris><--set><job.queue=demand>"},
    {"llmrun plan --set=train.precision=bf", "<llmrun><plan><--set=train.precision=bf16>"},
    {"llmrun plan --set 'train.precision=bf", "<llmrun><plan><--set><train.precision=bf16>"},
    {"llmrun plan min", "<llmrun><plan><mine.yaml>"},
    {"llmrun plan deep/r", "<llmrun><plan><deep/run.yaml>"},
    {"llmrun plan --hostfile ho", "<llmrun><plan><--hostfile><hosts.txt>"},
    {"llmrun train --set data.train=hos", "<llmrun><train><--set><data.train=hosts.txt>"},
    {"llmrun train --set data.train=my", "<llmrun><train><--set><data.train=my text.bin>"},
    {"llmrun train --set data.train=deep/x=1/t", "<llmrun><train><--set><data.train=deep/x=1/tokens.bin>"},
    {"llmrun plan --hostfile=deep/x=1/t", "<llmrun><plan><--hostfile=deep/x=1/tokens.bin>"},
    {"llmrun launch -- ./wor", "<llmrun><launch><--><./words>"},
    {"llmrun launch -- mktem", "<llmrun><launch><--><mktemp>"},
    {"llmrun launch -- sh hos", "<llmrun><launch><--><sh><hosts.txt>"},
    {"llmrun config zzz", "<llmrun><config><zzz>"},
};

void check_every_line(const Kind& kind) {
  Shell shell(kind);
  for (const Pressed& pressed : kEveryShell) CHECK_MESSAGE(shell.after_tab(pressed.line) == pressed.words, pressed.line);
}

}  // namespace

TEST_CASE("Tab in bash completes words, quoted and after = and :") { check_every_line(kBash); }
TEST_CASE("Tab in zsh completes words, quoted and after = and :") { check_every_line(kZsh); }
TEST_CASE("Tab in fish completes words, quoted and after = and :") { check_every_line(kFish); }

TEST_CASE("zsh finds the completion where it is installed") {
  CHECK(Shell(kZshInstalled).after_tab("llmrun tail kin") == "<llmrun><tail><king james>");
}

TEST_CASE("Tab in bash inserts a member of a sweep without a backslash") {
  Shell shell(kBash);
  CHECK(shell.after_tab("llmrun tail sw/") == "<llmrun><tail><sw/lr=1,seed=2>");
  CHECK(shell.screen().find('\\') == std::string::npos);
}

TEST_CASE("Tab in bash lists plain words") {
  Shell shell(kBash);
  CHECK(shell.shows("llmrun config ", {"check", "schema", "show"}));
  CHECK(shell.screen().find("JSON Schema") == std::string::npos);
}

TEST_CASE("Tab in zsh and fish lists words with what they mean") {
  for (const Kind& kind : {kZsh, kFish}) {
    CAPTURE(kind.command);
    CHECK(Shell(kind).shows("llmrun config ", {"schema", "JSON Schema of a run file"}));
    CHECK(Shell(kind).shows("llmrun tail --", {"--grep", "regular expression"}));
    CHECK(Shell(kind).shows("llmrun plan --set parallel.t", {"parallel.tensor=", "CPU threads a rank"}));
    CHECK(Shell(kind).shows("llmrun tail ", {"kjv-run", "launched", "queued-run", "job 1126584"}));
  }
}
