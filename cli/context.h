#pragma once
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/ui/terminal.h"
#include "engine/core/error.h"

namespace llmrun::cli {

/// What every command gets: where data goes (stdout), where talk goes (stderr), and the options that all commands share.
class Context {
 public:
  Output& out() { return out_; }
  Output& talk() { return talk_; }

  bool json = false;           // --json: data as JSON on stdout, errors too
  std::string color = "auto";  // --color: auto, always, never

  /// The words behind "--" of a command that runs a program, which no parser has seen: CLI11 would take "[a]" apart.
  std::vector<std::string> program;

  /// Whether `output` gets colours: as --color says, else on a terminal unless NO_COLOR is set (no-color.org).
  bool colored(const Output& output) const {
    if (color != "auto") return color == "always";
    const char* no_color = std::getenv("NO_COLOR");
    return output.is_terminal() && !(no_color && *no_color);
  }

  void set_exit(Exit code) { exit_ = static_cast<int>(code); }
  void set_exit(int code) { exit_ = code; }
  int exit() const { return exit_; }

 private:
  Output out_{stdout};
  Output talk_{stderr};
  int exit_ = 0;
};

}  // namespace llmrun::cli
