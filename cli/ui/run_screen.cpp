#include "cli/ui/run_screen.h"

#include <csignal>

namespace llmrun::cli {

void outlive_readers() { std::signal(SIGPIPE, SIG_IGN); }

ConsoleStyle run_screen(Output& output) {
  ConsoleStyle style;
  style.terminal = output.is_terminal();
  style.columns = [&output] { return output.columns(); };
  style.write = [&output](std::string_view text) {
    output.write(text);
    output.failed();  // flushes
  };
  style.harmless = [](std::string_view text) { return printable(text); };
  return style;
}

void tell_failure(const Failure& failure, const std::string& next, Context& context) {
  if (!failure.last_lines.empty()) {
    if (failure.rank)
      context.talk().print("last lines of rank {} on {}:\n", *failure.rank, printable(failure.host));
    else
      context.talk().print("last lines of {}:\n", failure.who);
    for (const std::string& line : failure.last_lines) context.talk().print("  | {}\n", printable(line));
  }
  throw failure_error(failure, next);
}

}  // namespace llmrun::cli
