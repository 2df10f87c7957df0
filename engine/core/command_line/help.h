#pragma once
#include <CLI/CLI.hpp>

namespace llmrun {

/// The help of a command for people: what a value may be instead of CLI11's INT:POSITIVE and ENUM:value in {gpt->0}, defaults behind the
/// words, and lines that break between words at the width of the terminal (an example goes on behind a backslash). Set it before commands
/// are added: they inherit it.
class Help : public CLI::Formatter {
 public:
  /// `width`: columns of the screen.
  explicit Help(size_t width);
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_description(const CLI::App* app) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_footer(const CLI::App* app) const override;

 private:
  std::string entry(const std::string& name, const std::string& text) const;
  size_t width_;
};

/// Columns of the terminal that stdout is, 100 elsewhere.
size_t help_width();

}  // namespace llmrun
