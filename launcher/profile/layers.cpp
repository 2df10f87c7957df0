#include "launcher/profile/layers.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

#include "engine/core/file.h"
#include "engine/core/spec/decode.h"
#include "engine/core/spec/hugging_face.h"
#include "launcher/profile/alcf.h"
#include "launcher/profile/layer.h"
#include "launcher/profile/site_directories.h"
#include "launcher/profile/yaml.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

/// The sections whose value may be a profile's name.
constexpr std::array kProfiled{ProfileKind::machine, ProfileKind::model};

/// Runs `work`; what it complains of joins `complaints`. Errors that are not about the configuration pass.
template <typename Work>
void collect(std::vector<Complaint>& complaints, Work work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.code() != Exit::config) throw;
    complaints.insert(complaints.end(), error.complaints().begin(), error.complaints().end());
  }
}

Value* find_section(Value& tree, std::string_view name) { return const_cast<Value*>(tree.find(name)); }

/// The name in `model: NAME`, `model: {extends: NAME}` or `model: {profile: NAME}` (a resolved config read again), taken out of the tree.
std::optional<Value> take_profile_name(Layer& layer, ProfileKind kind) {
  Value* section = find_section(layer.tree, profile_kind_name(kind));
  if (!section || section->is_null()) return {};
  if (section->kind == Value::Kind::scalar) {
    Value name = std::move(*section);
    *section = Value{.kind = Value::Kind::map, .place = name.place};
    return name;
  }
  if (auto name = take_extends(*section)) return name;
  const Value* profile = section->find("profile");
  return profile && !profile->text.empty() ? std::optional(*profile) : std::nullopt;
}

void append(std::vector<Layer>& layers, std::vector<Layer> more) {
  layers.insert(layers.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// The recipe and the run file: a path, or where there is no such file the name of a recipe.
std::vector<Layer> run_file_layers(const Sources& sources, const Catalog& catalog) {
  if (sources.run_file.empty()) return {};
  const fs::path path = sources.directory / sources.run_file;
  std::error_code closed;  // read_file says why
  const bool there = fs::exists(path, closed) || closed;
  if (!there && catalog.has(ProfileKind::recipe, sources.run_file))
    return profile_layers(catalog, ProfileKind::recipe, Value::scalar(sources.run_file));
  if (!there)
    throw Error(Exit::config, "no run file '{}', and no recipe of that name", sources.run_file)
        .hint("the recipes are {}", fmt::join(catalog.names(ProfileKind::recipe), ", "));
  Value tree = read_yaml(read_file(path, Exit::config), sources.run_file);
  std::vector<Layer> layers;
  if (auto recipe = take_extends(tree)) layers = profile_layers(catalog, ProfileKind::recipe, *std::move(recipe));
  layers.push_back({fmt::format("run file '{}'", sources.run_file), std::move(tree), path.parent_path()});
  return layers;
}

/// What lies above the profiles.
struct Said {
  std::vector<Layer> layers;  // weakest first: the ALCF scripts' defaults, recipe, run file, environment, command line
  ScriptRules rules;
  std::string size_key;
};

/// job.sh runs on the configuration that was resolved where it was queued: what a login file exports on the node changes it no more.
bool is_settled(const Sources& sources, const std::vector<Layer>& file) {
  return sources.environment.contains("LLMRUN_STARTED_AT") && !file.empty() && value_at(file.back().tree, "machine.profile") != nullptr;
}

Said said_layers(const Sources& sources, const Catalog& catalog, std::vector<Complaint>& complaints) {
  std::vector<Layer> file;
  collect(complaints, [&] { file = run_file_layers(sources, catalog); });
  const bool settled = is_settled(sources, file);
  std::vector<Layer> above;
  if (!settled) above = environment_layers(sources.environment, sources.trains, sources.directory, complaints);
  append(above, command_line_layers(sources.sets, sources.directory, complaints));
  std::vector<Layer> others = file;
  append(others, above);
  AlcfWords alcf;
  if (sources.trains && !settled) alcf = read_alcf_words(sources.environment, sources.directory, catalog, others, complaints);

  Said said{std::move(alcf.defaults), alcf.rules, std::move(alcf.size_key)};
  append(said.layers, std::move(file));
  append(said.layers, std::move(alcf.said));
  append(said.layers, std::move(above));
  return said;
}

/// The profile that a section builds on, and the layer that says so.
struct Choice {
  Value name;             // and where it was said
  std::string layer;      // empty: the host name chose it
  bool resolved = false;  // the layer is a resolved configuration, which repeats what was chosen before
  bool whole = false;     // ... every key of it: the profile need not be there, as in a job that has not the login shell's variables
};

/// Whether a layer holds every key of a section: a resolved configuration, to which its profile has nothing to add.
bool is_whole(const Value& tree, ProfileKind kind) {
  const std::string section = fmt::format("{}.", profile_kind_name(kind));
  return std::all_of(fields().begin(), fields().end(),
                     [&](const Field& field) { return !field.path.starts_with(section) || value_at(tree, field.path) != nullptr; });
}

/// In a PBS job the host that submitted it names the machine where it can: the compute nodes of two machines may be called alike.
std::optional<std::string> machine_here(const Sources& sources, const Catalog& catalog) {
  const auto submitter = sources.environment.find("PBS_O_HOST");
  if (sources.environment.contains("PBS_JOBID") && submitter != sources.environment.end())
    if (auto name = catalog.machine_of_host(submitter->second)) return name;
  return catalog.machine_of_host(sources.host);
}

/// The profile that `said` chooses, the strongest word holding; the machine by its host name where nobody says one.
std::optional<Choice> choose(ProfileKind kind, std::vector<Layer>& said, const Sources& sources, const Catalog& catalog,
                             std::vector<Complaint>& complaints) {
  std::optional<Choice> choice;
  for (Layer& layer : said)
    collect(complaints, [&] {
      const bool resolved = value_at(layer.tree, fmt::format("{}.profile", profile_kind_name(kind))) != nullptr;
      const bool whole = resolved && is_whole(layer.tree, kind);
      if (auto here = take_profile_name(layer, kind)) choice = Choice{std::move(*here), layer.name, resolved, whole};
    });
  if (!choice && kind == ProfileKind::machine)
    if (auto here = machine_here(sources, catalog)) choice = Choice{Value::scalar(std::move(*here)), {}};
  return choice;
}

/// Profiles say how they are found (`keys`); that is no part of the configuration.
void drop_keys_of_models(Layer& layer) {
  Value* model = find_section(layer.tree, "model");
  if (!model) return;
  for (size_t i = 0; i < model->keys.size(); ++i) {
    if (model->keys[i].text != "keys") continue;
    model->keys.erase(model->keys.begin() + static_cast<std::ptrdiff_t>(i));
    model->items.erase(model->items.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

/// What is wrong in no file has the name of its layer.
void say_who_set(std::string_view layer, size_t before, std::vector<Complaint>& complaints) {
  for (size_t i = before; i < complaints.size(); ++i)
    if (complaints[i].at && complaints[i].at->file.empty()) complaints[i].because.push_back(fmt::format("set by {}", layer));
}

void lay(const Layer& layer, Resolved& resolved, std::vector<Complaint>& complaints) {
  const size_t before = complaints.size();
  apply(layer.tree, resolved.config, complaints, [&](const Field& field, const Value& value) {
    resolved.settings[std::string(field.path)].push_back({layer.name, value.place, value.shown()});
  });
  say_who_set(layer.name, before, complaints);
}

void add_misread(const Layer& layer, Resolved& resolved) {
  for (size_t i = 0; i < layer.tree.keys.size(); ++i) {
    const Value part{.kind = Value::Kind::map, .keys = {layer.tree.keys[i]}, .items = {layer.tree.items[i]}};
    const std::string section = part.keys[0].text.substr(0, part.keys[0].text.find('.'));
    Config unused;
    std::vector<Complaint> complaints;
    apply(part, unused, complaints);
    if (!complaints.empty()) resolved.misread.insert(names_below(section).empty() ? "" : section);
  }
}

/// A profile names itself; who wants to know where it comes from means whoever named it.
void say_who_chose(ProfileKind kind, const Choice& choice, Resolved& resolved) {
  const auto profile = resolved.settings.find(fmt::format("{}.profile", profile_kind_name(kind)));
  if (profile != resolved.settings.end())
    profile->second.back() = {choice.layer.empty() ? "host name" : choice.layer, {}, choice.name.text};
}

std::string last_word(const std::vector<Layer>& layers, std::string_view section, std::string_view key) {
  std::string text;
  for (const Layer& layer : layers)
    if (const Value* map = layer.tree.find(section))
      if (const Value* value = map->find(key)) text = value->text;
  return text;
}

/// `auto`, or nobody's word: train.seq_len is the usual one, or all that the model's positions can take.
void derive_seq_len(Resolved& resolved) {
  const auto said = resolved.settings.find("train.seq_len");
  if (said != resolved.settings.end() && said->second.back().value != "auto") return;
  const int64_t usual = TrainConfig{}.seq_len;
  const std::optional<int64_t> longest = resolved.config.model.max_positions;
  if (resolved.rules.whole_positions && longest) {
    resolved.config.train.seq_len = *longest;
    resolved.derived["train.seq_len"] = fmt::format("alcf: model.max_positions {}", *longest);
    return;
  }
  resolved.config.train.seq_len = std::min(usual, longest.value_or(usual));
  resolved.derived["train.seq_len"] =
      longest ? fmt::format("auto: min({}, model.max_positions {})", usual, *longest) : fmt::format("auto: {}", usual);
}

/// A shape that `from` gives is not open to change: its weights would not fit. Whether there was one.
bool complain_of_contradictions(const Layer& from, const Config& shape, const Resolved& resolved, std::vector<Complaint>& complaints) {
  const size_t before = complaints.size();
  for (const Field& field : fields()) {
    if (value_at(from.tree, field.path) == nullptr || field.path == "model.init_std") continue;
    const std::string given = field.shown_in(shape), wanted = field.shown_in(resolved.config);
    if (given == wanted) continue;
    complaints.push_back({fmt::format("{} {} contradicts {} of {}", field.path, wanted, given, from.name),
                          resolved.where(field.path),
                          {resolved.set_by(field.path)},
                          fmt::format("leave {} out: model.from gives it", field.path)});
  }
  return complaints.size() > before;
}

/// Whether a person named the machine, or set `key` of it. A resolved configuration repeats what the profile says, or what a person said
/// instead.
bool is_said(const std::optional<Choice>& machine, std::string_view key, const Resolved& resolved) {
  constexpr std::string_view kProfile = "machine profile";
  if (machine && !machine->layer.empty() && !machine->resolved) return true;
  const auto found = resolved.settings.find(key);
  if (found == resolved.settings.end() || found->second.back().layer.starts_with(kProfile)) return false;
  const std::vector<Setting>& settings = found->second;
  if (!machine || !machine->resolved || settings.back().layer != machine->layer) return true;
  const auto profile =
      std::find_if(settings.rbegin(), settings.rend(), [&](const Setting& setting) { return setting.layer.starts_with(kProfile); });
  return profile == settings.rend() || profile->value != settings.back().value;
}

/// The variables that have their way: they chose a profile, hold a key, or are a rule.
std::vector<std::pair<std::string, std::string>> variables_in_force(const std::vector<Layer>& said,
                                                                    std::span<const std::optional<Choice>> choices,
                                                                    const Resolved& resolved, const Environment& environment) {
  constexpr std::string_view kPrefix = "environment ";
  std::vector<std::pair<std::string, std::string>> variables;
  for (const Layer& layer : said) {
    if (!layer.name.starts_with(kPrefix)) continue;
    const bool chose =
        std::any_of(choices.begin(), choices.end(), [&](const auto& choice) { return choice && choice->layer == layer.name; });
    const bool holds = std::any_of(resolved.settings.begin(), resolved.settings.end(),
                                   [&](const auto& key) { return key.second.back().layer == layer.name; });
    const std::string name = layer.name.substr(kPrefix.size());
    if (!chose && !holds && !layer.tree.keys.empty()) continue;
    if (variables.empty() || variables.back().first != name) variables.emplace_back(name, environment.at(name));
  }
  return variables;
}

}  // namespace

std::vector<fs::path> profile_directories(const Environment& environment) {
  std::vector<fs::path> directories = site_directories(environment, "LLMRUN_PROFILES", "profiles");
  for (const fs::path& beside : site_directories(environment, "", ""))
    directories.push_back(beside);  // ~/.config/llmrun/machines does, too
  std::error_code unknown;
  const fs::path program = fs::read_symlink("/proc/self/exe", unknown).parent_path();
  directories.push_back((program / "../share/llmrun/profiles").lexically_normal());  // installed
  directories.push_back((program / "../../../profiles").lexically_normal());         // build/release/bin
  return directories;
}

Sources sources_here(std::string run_file, std::vector<std::string> sets) {
  Sources sources{.run_file = std::move(run_file), .sets = std::move(sets), .directory = fs::current_path()};
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    if (const size_t equals = text.find('='); equals != std::string_view::npos)
      sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  sources.host = host;
  sources.profile_directories = profile_directories(sources.environment);
  return sources;
}

Resolved read_config(const Sources& sources, const std::function<void(const Resolved&, std::vector<Complaint>&)>& contradictions) {
  const Catalog catalog(sources.profile_directories);
  std::vector<Complaint> complaints;
  Said said = said_layers(sources, catalog, complaints);
  std::vector<Layer> profiles;
  std::array<std::optional<Choice>, kProfiled.size()> choices;
  for (size_t i = 0; i < kProfiled.size(); ++i) {
    collect(complaints, [&] { choices[i] = choose(kProfiled[i], said.layers, sources, catalog, complaints); });
    if (!choices[i] || (choices[i]->whole && !catalog.has(kProfiled[i], choices[i]->name.text))) continue;
    const size_t before = complaints.size();
    collect(complaints, [&] { append(profiles, profile_layers(catalog, kProfiled[i], choices[i]->name)); });
    say_who_set(choices[i]->layer, before, complaints);
  }
  for (Layer& layer : profiles) drop_keys_of_models(layer);
  const std::string home = sources.environment.contains("HOME") ? sources.environment.at("HOME") : "";
  for (std::vector<Layer>* layers : {&profiles, &said.layers})
    for (Layer& layer : *layers) anchor_paths(layer, home);

  Resolved resolved;
  if (auto closed = catalog.closed_directory()) resolved.notes.push_back(*std::move(closed));
  resolved.rules = said.rules;
  const bool complete = complaints.empty();  // else a file or a profile is missing, and with it nobody knows what
  for (const Layer& layer : profiles) {
    lay(layer, resolved, complaints);
    if (layer.tree.find("machine")) resolved.machine_line.push_back(layer.profile);
  }
  for (size_t i = 0; i < kProfiled.size(); ++i)
    if (choices[i]) say_who_chose(kProfiled[i], *choices[i], resolved);
  const std::string below = last_word(profiles, "model", "from"), above = last_word(said.layers, "model", "from");
  const std::string& directory = above.empty() ? below : above;
  std::optional<Layer> from;
  if (!directory.empty() && complaints.empty()) {
    from = Layer{fmt::format("'{}'", (std::filesystem::path(directory) / "config.json").string()), model_of_hugging_face(directory),
                 directory};
    lay(*from, resolved, complaints);
  }
  const Config shape = resolved.config;
  for (const Layer& layer : said.layers) lay(layer, resolved, complaints);
  derive_seq_len(resolved);
  if (resolved.rules.tensor && !resolved.is_set("parallel.tensor"))
    resolved.derived["parallel.tensor"] = "alcf: the ranks that the other axes leave";
  if (!complaints.empty())
    for (const std::vector<Layer>* layers : {&profiles, &said.layers})
      for (const Layer& layer : *layers) add_misread(layer, resolved);
  if (from && complain_of_contradictions(*from, shape, resolved, complaints)) resolved.misread.insert("model");
  for (Complaint& complaint :
       complain_of_unbuilt(resolved.config, [&](std::string_view path, Complaint& complaint) { resolved.locate(path, complaint); }))
    complaints.push_back(std::move(complaint));
  const bool known = is_built(*find_field("model.family"), resolved.config);  // what must fit together in another family, nobody here knows
  if (complete && known && !complaints.empty() && contradictions) contradictions(resolved, complaints);
  if (!complaints.empty()) throw Error(Exit::config, std::move(complaints));

  const auto& [machine, model] = choices;
  if (model && model->layer == "environment MODEL_SIZE_KEY") resolved.model_size_key = said.size_key;
  if (const auto handed = sources.environment.find(kSizeKeyVariable); model && model->resolved && handed != sources.environment.end())
    resolved.model_size_key = handed->second;
  resolved.node_is_said = is_said(machine, "machine.node.gpus", resolved);
  resolved.variables = variables_in_force(said.layers, choices, resolved, sources.environment);
  return resolved;
}

}  // namespace llmrun
