#include <fmt/ranges.h>

#include "cli/manual/pages.h"
#include "cli/manual/roff.h"
#include "engine/core/spec/fields.h"

namespace llmrun::cli {
namespace {

constexpr char kExample[] =
    "model: gpt-125m\n"
    "train: {seq_len: 1024, micro_batch: 4}\n"
    "parallel: {tensor: 2}\n"
    "run: {steps: 1000}\n";

/// The sentences below a key: what it is, the words it takes, its default, its names in the environment, what is not built.
std::string meaning(const Field& field) {
  std::string text(field.help);
  if (const auto words = field.choices(); words.size() > 1) text += fmt::format(". One of {}", fmt::join(words, ", "));
  if (!field.default_shown().empty()) text += fmt::format(". Default {}", field.default_shown());
  text += fmt::format(". Environment {}", field.environment_name());
  for (const std::string_view name : field.environment) text += fmt::format(", {}", name);
  return text + ".";
}

/// Why a key, or some of its values, is refused today; empty where all is built.
std::string limits(const Field& field) {
  if (field.unbuilt.empty()) return "";
  if (field.built.empty()) return "This version knows only the default.";
  return fmt::format("This version knows the default and {}.", fmt::join(field.built, ", "));
}

}  // namespace

Page keys_page() {
  Roff page("llmrun-config", 5, "keys of a run file");
  page.section("DESCRIPTION")
      .paragraph(
          "A run file is YAML: sections of keys. Values come from layers, the weakest first: built-in defaults, the machine profile "
          "(chosen by "
          "the host's name or by 'machine: NAME'), the model profile ('model: NAME'), the recipe or run file, the environment, and the "
          "command "
          "line (--set section.key=value). 'llmrun config show --origin' says who set what.");
  page.paragraph("Paths in a file are relative to that file. A duration has a unit or colons (90s, 01:30:00); sizes may have one (40GiB).");
  page.section("EXAMPLES").example(kExample);
  for (const std::string_view section : names_below("")) {
    page.section(fmt::format("KEYS OF {}", section));
    for (const Field& field : fields()) {
      if (field.section() != section) continue;
      page.item(bold(field.path), meaning(field));
      if (const std::string text = limits(field); !text.empty()) page.line(plain(text));
    }
  }
  page.section("SEE ALSO").line(fmt::format("{}(1), {}(1)", bold("llmrun"), bold("llmrun-config")));
  return {"llmrun-config.5", std::move(page).text()};
}

}  // namespace llmrun::cli
