#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace llmrun::cli {

/// A page of the manual.
struct Page {
  std::string file;  // "llmrun-train.1"
  std::string text;  // roff
};

/// llmrun(1): the commands, common options, exit codes, files and environment.
Page program_page(const CLI::App& app);
/// llmrun-train(1) and its like, from the command tree: a command with all that stands below it.
Page command_page(const CLI::App& command);
/// llmrun-config(5): every key, from the field table.
Page keys_page();

/// All of them.
std::vector<Page> manual(const CLI::App& app);

}  // namespace llmrun::cli
