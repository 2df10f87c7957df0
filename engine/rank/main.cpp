#include <fmt/format.h>

#include <cstdio>

#include "engine/core/error.h"
#include "engine/rank/commands.h"
#include "engine/rank/error_report.h"

int main(int argc, char** argv) {
  using namespace llmrun;
  int exit_code = 0;
  CLI::App app("The trainer of llmrun: one process a GPU, or a CPU rank. `llmrun train` starts it; by hand: mpiexec -n 4 llmrun-rank --plan FILE",
               "llmrun-rank");
  app.require_subcommand(0, 1);
  rank::add_train(app, exit_code);
  rank::add_generate(app, exit_code);
  rank::add_bench(app, exit_code);
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
  } catch (const std::exception& caught) {
    const Error error = as_error(caught);
    fmt::print(stderr, "llmrun: {}\n", error.what());
    if (const std::string& hint = error.complaints().back().hint; !hint.empty()) fmt::print(stderr, "hint: {}\n", hint);
    return static_cast<int>(error.code());
  }
}
