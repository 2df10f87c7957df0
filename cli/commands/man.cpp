#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/manual/pages.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/file.h"
#include "engine/core/json.h"
#include "engine/core/spec/nearest.h"

namespace llmrun::cli {
namespace {

struct ManOptions {
  std::string command;  // empty: llmrun itself
  bool keys = false;
  std::string to;  // a directory for all pages
};

Page page_of(const CLI::App& app, const ManOptions& options) {
  if (options.keys) return keys_page();
  if (options.command.empty()) return program_page(app);
  const std::vector<std::string> names = command_names(app);
  if (std::find(names.begin(), names.end(), options.command) != names.end()) return command_page(*app.get_subcommand(options.command));
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view near = nearest(options.command, candidates);
  throw Error(Exit::usage, "there is no command '{}'", options.command).hint("llmrun man {}", near.empty() ? "train" : near);
}

void write_pages(const CLI::App& app, const std::filesystem::path& directory, Context& context) {
  std::filesystem::create_directories(directory);
  json files = json::array();
  for (const Page& page : manual(app)) {
    write_file_atomically(directory / page.file, page.text);
    files.push_back((directory / page.file).string());
    if (!context.json) context.out().print("{}\n", printable((directory / page.file).string()));
  }
  if (context.json) context.out().print("{}\n", json{{"version", 1}, {"files", files}}.dump(2));
}

void man(const CLI::App& app, const ManOptions& options, Context& context) {
  if (!options.to.empty()) return write_pages(app, options.to, context);
  const Page page = page_of(app, options);
  if (context.json)
    context.out().print("{}\n", json{{"version", 1}, {"file", page.file}, {"text", page.text}}.dump(2));
  else
    context.out().write(page.text);
}

}  // namespace

void add_man(CLI::App& app, Context& context) {
  auto options = std::make_shared<ManOptions>();
  auto* command = app.add_subcommand("man", "Print a page of the manual, as roff for man(1)");
  auto* name = command->add_option("command", options->command, "The command it is about; default: llmrun itself")->type_name("COMMAND");
  auto* keys = command->add_flag("--keys", options->keys, "The keys of a run file: llmrun-config(5)")->excludes(name);
  command->add_option("--to", options->to, "Write every page into this directory, instead")
      ->type_name("DIR")
      ->excludes(name)
      ->excludes(keys);
  command->footer("Examples:\n  llmrun man train | man -l -\n  llmrun man --keys | man -l -\n  llmrun man --to pages");
  command->callback([=, &app, &context] { man(app, *options, context); });
}

}  // namespace llmrun::cli
