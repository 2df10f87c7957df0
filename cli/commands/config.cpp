#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/plan_options.h"
#include "engine/core/spec/decode.h"
#include "launcher/plan/validate.h"
#include "launcher/profile/yaml_text.h"

namespace llmrun::cli {
namespace {

struct ConfigOptions {
  RunOptions run;
  bool origin = false;
  bool text = false;
  std::string key;  // of schema --text: this key or section alone
};

/// "run file 'my.yaml' line 3, over 4 from machine profile 'polaris'", "auto: ..."; empty for a default.
std::string origin_of(const Resolved& resolved, std::string_view path) {
  if (const auto rule = resolved.derived.find(path); rule != resolved.derived.end()) return rule->second;
  const auto found = resolved.settings.find(path);
  if (found == resolved.settings.end()) return "";
  const Setting& holds = found->second.back();
  std::string text = holds.layer;
  if (holds.place.line > 0) text += fmt::format(" line {}", holds.place.line);
  if (found->second.size() > 1) {
    const Setting& below = found->second[found->second.size() - 2];
    const bool joined = below.value.starts_with('{');  // queues and variables are those of every layer
    text += joined ? fmt::format(", with those of {}", below.layer) : fmt::format(", over {} from {}", below.value, below.layer);
  }
  return printable(text);
}

json origins(const Resolved& resolved) {
  json list = json::object();
  for (const Field& field : fields()) {
    const auto found = resolved.settings.find(field.path);
    json settings = json::array();
    if (found != resolved.settings.end())
      for (const Setting& setting : found->second) {
        json item = {{"layer", setting.layer}, {"value", setting.value}};
        if (!setting.place.file.empty())
          item.update({{"file", setting.place.file}, {"line", setting.place.line}, {"column", setting.place.column}});
        settings.push_back(std::move(item));
      }
    if (const auto rule = resolved.derived.find(field.path); rule != resolved.derived.end())
      settings.push_back({{"layer", rule->second}, {"value", field.shown_in(resolved.config)}});
    list[std::string(field.path)] = std::move(settings);
  }
  return list;
}

/// What a plan is made from: where the ALCF scripts' rules go by ranks and nodes, by those that `plan` sees.
Resolved resolved_for_a_plan(const RunOptions& options, Context& context) {
  Resolved resolved = read_config(options);
  if (!resolved.rules.any()) return resolved;
  PlanInput input = look_around(std::move(resolved), {}, {}, Intent::queue, Variables::of_this_process());
  tell_notes(input, context);
  settle(input, context);
  return std::move(input.resolved);
}

void show(const ConfigOptions& options, Context& context) {
  const Resolved resolved = resolved_for_a_plan(options.run, context);
  if (context.json) {
    json document = {{"version", 1}, {"config", to_json(resolved.config)}};
    if (options.origin) document["origin"] = origins(resolved);
    context.out().print("{}\n", document.dump(2));
  } else if (options.origin) {
    context.out().write(to_yaml(resolved.config, [&](std::string_view path) { return origin_of(resolved, path); }));
  } else {
    context.out().write(to_yaml(resolved.config));
  }
}

void check(const ConfigOptions& options, Context& context) {
  const Resolved resolved = read_config(options.run);
  std::vector<Complaint> complaints;
  check_by_itself(resolved, complaints);
  if (!complaints.empty()) throw Error(Exit::config, std::move(complaints));
  if (context.json)
    context.out().print("{}\n", json{{"version", 1}, {"valid", true}, {"keys_set", resolved.settings.size()}}.dump(2));
  else
    context.out().print("ok: {} keys set, the others at their defaults\n", resolved.settings.size());
}

/// The table for reading: key, default, help, and the words it takes.
void list_keys(const std::string& key, Context& context) {
  if (!key.empty() && !find_field(key) && names_below(key).empty())
    throw Error(Exit::config, "unknown key '{}'", key).hint("llmrun config schema --text parallel");
  for (const Field& field : fields()) {
    if (!key.empty() && field.path != key && !field.path.starts_with(key + ".")) continue;
    context.out().print("{:<28} {:<12} {}\n", field.path, field.default_shown().empty() ? "\"\"" : field.default_shown(), field.help);
    if (const auto choices = field.choices(); choices.size() > 1) context.out().print("{:<41} {}\n", "", fmt::join(choices, ", "));
  }
}

void schema(const ConfigOptions& options, Context& context) {
  if (options.text)
    list_keys(options.key, context);
  else
    context.out().print("{}\n", config_schema().dump(2));
}

}  // namespace

void add_config(CLI::App& app, Context& context) {
  auto options = std::make_shared<ConfigOptions>();
  auto* command = app.add_subcommand("config", "Show, check and describe the configuration of a run");
  command->require_subcommand(1);
  command->footer("Examples:\n  llmrun config show my-run.yaml --origin\n  llmrun config check my-run.yaml\n  llmrun config schema --text");

  auto* show_command = command->add_subcommand("show", "Print the configuration with every layer applied, as YAML");
  add_run_options(*show_command, options->run);
  show_command->add_flag("--origin", options->origin, "Say behind each value who set it");
  show_command->footer(
      "Examples:\n  llmrun config show my-run.yaml --origin\n  llmrun config show --model gpt-13b --machine polaris --json");
  show_command->callback([=, &context] { show(*options, context); });

  auto* check_command = command->add_subcommand("check", "Say everything that is wrong with a run file");
  add_run_options(*check_command, options->run);
  check_command->footer("Examples:\n  llmrun config check my-run.yaml\n  llmrun config check my-run.yaml --set parallel.tensor=4");
  check_command->callback([=, &context] { check(*options, context); });

  auto* schema_command = command->add_subcommand("schema", "Print the JSON Schema of a run file, for editors");
  auto* text = schema_command->add_flag("--text", options->text, "A list of keys, for people");
  schema_command->add_option("key", options->key, "With --text: one key or section")->type_name("KEY")->needs(text);
  schema_command->footer("Examples:\n  llmrun config schema > llmrun.schema.json\n  llmrun config schema --text");
  schema_command->callback([=, &context] { schema(*options, context); });
}

}  // namespace llmrun::cli
