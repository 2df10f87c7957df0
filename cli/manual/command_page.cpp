#include "cli/manual/pages.h"
#include "cli/manual/roff.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/command_line/value.h"
#include "launcher/report/exit_meaning.h"

namespace llmrun::cli {
namespace {

constexpr std::string_view kExamples = "Examples:\n";

using Options = std::vector<const CLI::Option*>;

Options shown(const CLI::App& command, bool positional) {
  return command.get_options([=](const CLI::Option* option) {
    return !option->get_group().empty() && (positional ? option->get_positional() : !option->get_positional());
  });
}

std::vector<const CLI::App*> below(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); });
}

/// "[RUN]", "IN...".
std::string in_synopsis(const CLI::Option& option) {
  const std::string name = italic(option.get_name(true)) + (option.get_expected_max() > 1 ? " ..." : "");
  return option.get_required() ? name : "[" + name + "]";
}

std::string synopsis(const CLI::App& command) {
  std::string line = bold(full_name(command));
  for (const CLI::Option* option : shown(command, /*positional=*/false))
    if (option->get_required()) line += fmt::format(" {} {}", bold(option->get_name()), italic(value_name(*option)));
  line += " [" + italic("OPTIONS") + "]";
  for (const CLI::Option* option : shown(command, /*positional=*/true)) line += " " + in_synopsis(*option);
  return line + std::string(program_in_usage(command));
}

/// "--lines, -n N".
std::string term(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames()) names += (names.empty() ? "" : ", ") + bold("-" + name);
  for (const std::string& name : option.get_lnames()) names += (names.empty() ? "" : ", ") + bold("--" + name);
  if (names.empty()) return italic(option.get_name(true));
  return takes_value(option) ? names + " " + italic(value_name(option)) : names;
}

std::string meaning(const CLI::Option& option) {
  std::string text = option.get_description();
  if (!option.get_default_str().empty()) text += fmt::format("{}default {}", text.empty() ? "" : "; ", option.get_default_str());
  return text;
}

void add_options(const CLI::App& command, Roff& page) {
  for (const bool positional : {true, false})
    for (const CLI::Option* option : shown(command, positional)) page.item(term(*option), meaning(*option));
}

/// The footer, without its examples.
void add_remarks(const CLI::App& command, Roff& page) {
  const std::string footer = command.get_footer(), remarks = footer.substr(0, footer.find(kExamples));
  if (remarks.find_first_not_of(" \n") != std::string::npos) page.paragraph(remarks.substr(0, remarks.find_last_not_of('\n') + 1));
}

void add_examples(const CLI::App& command, Roff& page) {
  const std::string footer = command.get_footer();
  if (const size_t at = footer.find(kExamples); at != std::string::npos) page.example(footer.substr(at + kExamples.size()));
}

void add_commands_below(const CLI::App& command, Roff& page) {
  for (const CLI::App* sub : below(command)) {
    page.subsection(full_name(*sub)).paragraph(sub->get_description()).paragraph("").line(synopsis(*sub));
    add_remarks(*sub, page);
    add_options(*sub, page);
    add_examples(*sub, page);
  }
}

void add_exit_codes(Roff& page) {
  page.section("EXIT STATUS");
  for (const ExitMeaning& row : exit_meanings()) page.item(bold(std::to_string(static_cast<int>(row.code))), row.full);
  page.item(bold("128+") + italic("n"), "the first rank to die died by signal n");
}

}  // namespace

Page command_page(const CLI::App& command) {
  const std::string name = fmt::format("llmrun-{}", command.get_name());
  Roff page(name, 1, command.get_description());
  page.section("SYNOPSIS");
  const auto subs = below(command);
  if (subs.empty()) page.line(synopsis(command));
  for (const CLI::App* sub : subs) page.line(synopsis(*sub)).line(".br");
  page.section("DESCRIPTION").paragraph(command.get_description() + ".");
  add_remarks(command, page);
  if (!subs.empty()) page.section("COMMANDS");
  add_commands_below(command, page);
  page.section("OPTIONS");
  add_options(command, page);
  for (const CLI::App* level = command.get_parent(); level != nullptr; level = level->get_parent())
    for (const CLI::Option* option : shown(*level, false))
      if (option != level->get_help_ptr() && option->get_name() != "--version") page.item(term(*option), meaning(*option));
  if (command.get_footer().find(kExamples) != std::string::npos) page.section("EXAMPLES");
  add_examples(command, page);
  add_exit_codes(page);
  page.section("SEE ALSO").line(fmt::format("{}(1), {}(5)", bold("llmrun"), bold("llmrun-config")));
  return {name + ".1", std::move(page).text()};
}

Page program_page(const CLI::App& app) {
  Roff page("llmrun", 1, app.get_description());
  page.section("SYNOPSIS").line(fmt::format("{} {} [{}]", bold("llmrun"), italic("COMMAND"), italic("OPTIONS")));
  page.section("DESCRIPTION")
      .paragraph(
          "llmrun starts the training of a large language model on a supercomputer, a cluster or this machine with one command, and is the "
          "trainer it starts. A run is described by a few lines of YAML; its keys are in llmrun-config(5).");
  add_remarks(app, page);
  page.section("COMMANDS");
  for (const CLI::App* command : below(app)) page.item(bold(full_name(*command)), command->get_description());
  page.section("OPTIONS");
  add_options(app, page);
  page.section("EXAMPLES");
  add_examples(app, page);
  add_exit_codes(page);
  page.section("FILES");
  struct File {
    const char* name;
    const char* holds;
  };
  for (const File& file : {File{"outputs/NAME/", "a run: its configuration, plan, scripts, logs, metrics and checkpoints"},
                           File{"logfiles", "the paths of the logs of every launch from here, newest last"},
                           File{"~/.config/llmrun/profiles/, /etc/llmrun/profiles/", "machines, models and recipes of a person and a site"},
                           File{"~/.local/state/llmrun/jobs.jsonl", "every job that was queued"}})
    page.item(italic(file.name), file.holds);
  page.section("ENVIRONMENT");
  for (const File& variable : {File{"LLMRUN_PROFILES", "directories of profiles that go before all others, with colons between them"},
                               File{"LLMRUN_SECTION_KEY", "the key section.key of the configuration: see llmrun-config(5)"},
                               File{"NO_COLOR", "no colours, if it is not empty"},
                               File{"XDG_CONFIG_HOME, XDG_STATE_HOME", "instead of ~/.config and ~/.local/state"}})
    page.item(bold(variable.name), variable.holds);
  page.section("SEE ALSO");
  for (const CLI::App* command : below(app)) page.line(fmt::format("{}(1),", bold("llmrun-" + command->get_name())));
  page.line(fmt::format("{}(5)", bold("llmrun-config")));
  return {"llmrun.1", std::move(page).text()};
}

std::vector<Page> manual(const CLI::App& app) {
  std::vector<Page> pages{program_page(app), keys_page()};
  for (const CLI::App* command : below(app)) pages.push_back(command_page(*command));
  return pages;
}

}  // namespace llmrun::cli
