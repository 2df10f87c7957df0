#include <fmt/ranges.h>

#include <algorithm>

#include "cli/completion/sources.h"
#include "engine/core/error.h"
#include "engine/core/file.h"
#include "engine/core/spec/fields.h"
#include "engine/core/units.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/profile/about.h"
#include "launcher/profile/layers.h"

namespace llmrun::cli {
namespace {

void offer_names(ProfileKind kind, Offers& offers) {
  const Catalog catalog(sources_here("", {}).profile_directories);
  for (const std::string& name : catalog.names(kind))
    offers.candidates.push_back({name, about_profile(read_file(catalog.find(kind, name)), name)});
}
/// The machine that the words before make; where they are not right yet, the one that they or the host's name choose.
MachineConfig machine_of(const Typed& typed) {
  const auto files = typed.values("RUN.yaml");
  std::vector<std::string> sets = typed.values("KEY=VALUE");
  for (const std::string& machine : typed.values("MACHINE")) sets.push_back("machine=" + machine);
  try {
    return read_config(sources_here(files.empty() ? "" : files.front(), sets)).config.machine;
  } catch (const Error&) {
    std::erase_if(sets, [](const std::string& set) { return !set.starts_with("machine="); });
  }
  try {
    return read_config(sources_here("", sets)).config.machine;
  } catch (const Error&) {
    return {};
  }
}

std::string limits(const QueueLimits& queue) {
  std::vector<std::string> parts;
  if (shares_nodes(queue))
    parts.push_back(fmt::format("{} GPUs", fmt::join(queue.gpus, ",")));
  else if (queue.nodes[1] > 0)
    parts.push_back(fmt::format("{}-{} nodes", queue.nodes[0], queue.nodes[1]));
  if (queue.walltime_s[1] > 0) parts.push_back("up to " + format_duration(queue.walltime_s[1]));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// The next of a list: "home,ea" goes on to "home,eagle".
void offer_filesystems(const Typed& typed, Offers& offers) {
  const std::string value = typed.text.substr(typed.text.find('=') + 1), before = value.substr(0, value.find_last_of(",:") + 1);
  for (const std::string& name : machine_of(typed).filesystems) offers.candidates.push_back({before + name, ""});
}

void offer_dependencies(const Typed& typed, Offers& offers) {
  Offers runs;
  offer_runs(typed, runs);
  for (const char* when : {"afterok:", "afterany:"}) {
    if (typed.text.find(':') == std::string::npos)
      offers.candidates.push_back({when, ""});
    else
      for (const Candidate& run : runs.candidates) offers.candidates.push_back({when + run.word, run.about});
  }
}

void offer_directories(const Typed&, Offers& offers) { offers.files = "directories"; }

/// Keys whose words are not in the field table.
struct KeySource {
  std::string_view key;
  void (*offer)(const Typed&, Offers&);
};
constexpr KeySource kKeySources[] = {
    {"machine", offer_machines},         {"model", offer_models},
    {"job.queue", offer_queues},         {"job.filesystems", offer_filesystems},
    {"job.depends", offer_dependencies}, {"run.dir", offer_directories},
    {"model.from", offer_directories},
};

/// Whether anything but the default works in this version.
bool can_be_set(const Field& field) { return field.unbuilt.empty() || !field.built.empty(); }

/// The words of a field that work in this version, and those of a path that are no path.
std::vector<std::string> working_words(const Field& field) {
  std::vector<std::string> words = field.choices();
  for (const std::string_view word : field.words) words.emplace_back(word);
  if (!field.unbuilt.empty())
    std::erase_if(words, [&](const std::string& word) {
      return word != field.default_shown() && std::find(field.built.begin(), field.built.end(), word) == field.built.end();
    });
  std::erase(words, "");
  return words;
}

void offer_values_of(const std::string& key, const Typed& typed, Offers& offers) {
  for (const KeySource& source : kKeySources)
    if (source.key == key) return source.offer(typed, offers);
  const Field* field = find_field(key);
  if (field == nullptr) return;
  for (const std::string& word : working_words(*field)) offers.candidates.push_back({word, ""});
  if (field->is_path) offers.files = "files";
}

}  // namespace

void offer_machines(const Typed&, Offers& offers) { offer_names(ProfileKind::machine, offers); }

void offer_models(const Typed&, Offers& offers) { offer_names(ProfileKind::model, offers); }

void offer_queues(const Typed& typed, Offers& offers) {
  for (const QueueLimits& queue : machine_of(typed).queues)
    if (queue.via.empty()) offers.candidates.push_back({queue.name, limits(queue)});  // no job is submitted to the others
}

void offer_run_files(const Typed&, Offers& offers) {
  offer_names(ProfileKind::recipe, offers);
  offers.files = "*.yaml";
}

void offer_profiles(const Typed&, Offers& offers) {
  for (const ProfileKind kind : {ProfileKind::machine, ProfileKind::model, ProfileKind::recipe}) offer_names(kind, offers);
}

void offer_settings(const Typed& typed, Offers& offers) {
  const size_t equals = typed.text.find('=');
  if (equals != std::string::npos) {
    const std::string key = typed.text.substr(0, equals);
    Offers values;
    offer_values_of(key, typed, values);
    for (const Candidate& value : values.candidates) offers.candidates.push_back({key + "=" + value.word, value.about});
    offers.files = values.files;
    offers.before += key + "=";
    offers.path = typed.text.substr(equals + 1);
    return;
  }
  offers.candidates.push_back({"machine=", "the machine profile; default: by the host's name"});
  offers.candidates.push_back({"model=", "the model profile"});
  for (const Field& field : fields())
    if (can_be_set(field)) offers.candidates.push_back({fmt::format("{}=", field.path), std::string(field.help)});
}

void offer_sweeps(const Typed& typed, Offers& offers) {
  const size_t begin = typed.text.find_last_of(',') + 1;  // of the value that is being typed; 0: the first
  if (begin == 0) return offer_settings(typed, offers);
  Typed first = typed;
  first.text = typed.text.substr(0, typed.text.find('=') + 1);
  Offers values;
  offer_settings(first, values);
  for (const Candidate& value : values.candidates)
    offers.candidates.push_back({typed.text.substr(0, begin) + value.word.substr(first.text.size()), value.about});
}

void offer_keys(const Typed&, Offers& offers) {
  for (const std::string_view section : names_below("")) offers.candidates.push_back({std::string(section), "a section"});
  for (const Field& field : fields()) offers.candidates.push_back({std::string(field.path), std::string(field.help)});
}

}  // namespace llmrun::cli
