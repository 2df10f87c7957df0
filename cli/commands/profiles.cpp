#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "engine/core/file.h"
#include "engine/core/json.h"
#include "engine/core/spec/nearest.h"
#include "launcher/profile/about.h"
#include "launcher/profile/layers.h"

namespace llmrun::cli {
namespace {

constexpr std::array kKinds{ProfileKind::machine, ProfileKind::model, ProfileKind::recipe};

struct Profile {
  ProfileKind kind;
  std::string name;
  std::filesystem::path file;
  std::string text;
  std::vector<std::string> keys;  // a model's: of MODEL_SIZE_KEY and MODEL_ARCH
};

json to_json(const Profile& profile) {
  json document{{"kind", profile_kind_name(profile.kind)},
                {"name", profile.name},
                {"file", profile.file.string()},
                {"about", about_profile(profile.text, profile.name)}};
  if (profile.kind == ProfileKind::model) document["keys"] = profile.keys;
  return document;
}

/// "12.8 B parameters in 40 layers of width 5120; key GPT13B".
std::string shown(const Profile& profile) {
  std::string text = about_profile(profile.text, profile.name);
  if (!profile.keys.empty()) text += fmt::format("; key{} {}", profile.keys.size() == 1 ? "" : "s", fmt::join(profile.keys, ", "));
  return text;
}

Profile read_profile(const Catalog& catalog, ProfileKind kind, const std::string& name) {
  const std::filesystem::path file = catalog.find(kind, name);
  return {kind, name, file, read_file(file), kind == ProfileKind::model ? catalog.keys_of(name) : std::vector<std::string>()};
}

std::vector<Profile> all_profiles(const Catalog& catalog) {
  std::vector<Profile> profiles;
  for (ProfileKind kind : kKinds)
    for (const std::string& name : catalog.names(kind)) profiles.push_back(read_profile(catalog, kind, name));
  return profiles;
}

/// The kind that has `name`; where none has, that with the nearest name, so that the error can suggest it. Throws Error(Exit::config) where
/// nothing is near.
ProfileKind kind_of(const Catalog& catalog, const std::string& name) {
  for (ProfileKind kind : kKinds)
    if (catalog.has(kind, name)) return kind;
  for (ProfileKind kind : kKinds) {
    const std::vector<std::string> names = catalog.names(kind);
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    if (!nearest(name, candidates).empty()) return kind;
  }
  throw Error(Exit::config, "no profile '{}' of a machine, a model or a recipe", name).hint("llmrun profiles list");
}

void list(Context& context) {
  const Catalog catalog(sources_here("", {}).profile_directories);
  json profiles = json::array();
  for (const Profile& profile : all_profiles(catalog)) {
    if (context.json)
      profiles.push_back(to_json(profile));
    else
      context.out().print("{:<8} {:<16} {}\n", profile_kind_name(profile.kind), profile.name, printable(shown(profile)));
  }
  if (context.json) context.out().print("{}\n", json{{"version", 1}, {"profiles", profiles}}.dump(2));
}

void show(const std::string& name, Context& context) {
  const Catalog catalog(sources_here("", {}).profile_directories);
  const Profile profile = read_profile(catalog, kind_of(catalog, name), name);
  if (context.json) {
    json document = {{"version", 1}};
    document.update(to_json(profile));
    document["text"] = profile.text;
    context.out().print("{}\n", document.dump(2));
  } else {
    context.talk().print("{}\n", profile.file.string());
    context.out().write(profile.text);
  }
}

}  // namespace

void add_profiles(CLI::App& app, Context& context) {
  auto name = std::make_shared<std::string>();
  auto* command = app.add_subcommand("profiles", "The machines, models and recipes there are");
  command->require_subcommand(0, 1);
  command->footer("Examples:\n  llmrun profiles\n  llmrun profiles show polaris");
  command->add_subcommand("list", "Name every profile, and say what it is")
      ->footer(
          "Behind a model stand its keys: the words of MODEL_SIZE_KEY and MODEL_ARCH that mean it.\nExamples:\n"
          "  llmrun profiles list\n  llmrun profiles list --json");
  auto* show_command = command->add_subcommand("show", "Print a profile");
  show_command->add_option("name", *name, "Name of a machine, a model or a recipe")->required()->type_name("PROFILE");
  show_command->footer("Examples:\n  llmrun profiles show polaris\n  llmrun profiles show gpt-13b --json");
  show_command->callback([=, &context] { show(*name, context); });
  command->callback([=, &context] {
    if (!show_command->parsed()) list(context);
  });
}

}  // namespace llmrun::cli
