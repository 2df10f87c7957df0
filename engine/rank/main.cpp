#include <algorithm>
#include <filesystem>

#include "engine/core/command_line/help.h"
#include "engine/core/command_line/numbers.h"
#include "engine/core/command_line/told_error.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/file_modes.h"
#include "engine/core/system_error.h"
#include "engine/rank/commands.h"

namespace {

/// A rank that a launcher started is one of many: what it says goes into a file (--out), and its stdout is no document.
bool answers_in_json(int argc, const char* const* argv) {
  const bool for_a_launcher = std::any_of(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--out"; });
  return llmrun::asks_for_json(argc, argv) && !for_a_launcher;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace llmrun;
  keep_others_from_writing();
  const bool as_json = answers_in_json(argc, argv);
  int exit_code = 0;
  CLI::App app(
      "The trainer of llmrun: one process a GPU, or a CPU rank. `llmrun train` starts it; by hand: mpiexec -n 4 llmrun-rank --plan FILE",
      std::filesystem::path(argv[0]).filename().string());
  app.formatter(std::make_shared<Help>(help_width()));
  app.set_version_flag("--version", "llmrun-rank " LLMRUN_VERSION);
  app.require_subcommand(0, 1);
  rank::add_train(app, exit_code);
  rank::add_generate(app, exit_code);
  rank::add_bench(app, exit_code);
  rank::add_diagnose(app, exit_code);
  rank::add_trace(app, exit_code);
  check_numbers(app);
  try {
    app.parse(argc, argv);
    if (!app.get_subcommands().empty()) check_stdout();  // a rank that trains ends as training did
    return exit_code;
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& failure) {
    return tell_error(usage_error(app, failure), as_json);
  } catch (const std::exception& caught) {
    return tell_error(as_error(caught), as_json);
  }
}
