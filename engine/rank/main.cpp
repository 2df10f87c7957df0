#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "engine/core/command_line/help.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/error_report.h"
#include "engine/rank/commands.h"

namespace {

int report(const llmrun::Error& error) {
  fmt::print(stderr, "llmrun: {}\n", error.what());
  if (const std::string& hint = error.complaints().back().hint; !hint.empty()) fmt::print(stderr, "hint: {}\n", hint);
  return static_cast<int>(error.code());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace llmrun;
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
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& failure) {
    return report(usage_error(app, failure));
  } catch (const std::exception& caught) {
    return report(as_error(caught));
  }
}
