#include "cli/completion/candidates.h"

#include <algorithm>

#include "cli/completion/sources.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/command_line/value.h"

namespace llmrun::cli {
namespace {

/// What an option or a positional takes is known by the name of its type, the one that its help shows.
struct Source {
  std::string_view type;
  void (*offer)(const Typed&, Offers&);
};

void offer_files(const Typed&, Offers& offers) { offers.files = "files"; }
void offer_directories(const Typed&, Offers& offers) { offers.files = "directories"; }

constexpr Source kSources[] = {
    {"RUN", offer_runs},         {"RUN.yaml", offer_run_files}, {"PROFILE", offer_profiles}, {"KEY=VALUE", offer_settings},
    {"KEY", offer_keys},         {"RANKS", offer_ranks},        {"GLOB", offer_hosts},       {"FILE", offer_files},
    {"DIR", offer_directories},  {"PREFIX", offer_files},       {"IN", offer_files},         {"CMD", offer_files},
    {"MACHINE", offer_machines}, {"MODEL", offer_models},       {"QUEUE", offer_queues},     {"STATE", offer_states},
    {"STEP", offer_steps},       {"KEY=V1,V2", offer_sweeps},
};

void offer_value(const Typed& typed, Offers& offers) {
  if (const auto words = value_words(*typed.option); !words.empty()) {
    for (const std::string& word : words) offers.candidates.push_back({word, ""});
    return;
  }
  const std::string type = value_name(*typed.option);
  for (const Source& source : kSources)
    if (source.type == type) return source.offer(typed, offers);
}

void offer_options(const Typed& typed, Offers& offers) {
  for (const CLI::App* level = typed.command; level != nullptr; level = level->get_parent())
    for (const CLI::Option* option : level->get_options()) {
      if (option->get_group().empty()) continue;  // hidden
      if (level != typed.command && option == level->get_help_ptr()) continue;
      if (typed.was_given(*option) && option->get_expected_max() <= 1) continue;
      for (const std::string& name : option->get_lnames()) offers.candidates.push_back({"--" + name, option->get_description()});
    }
}

void offer_commands(const CLI::App& command, Offers& offers) {
  for (const std::string& name : command_names(command))
    offers.candidates.push_back({name, command.get_subcommand(name)->get_description()});
}

}  // namespace

Offers offers(const Typed& typed) {
  Offers all;
  all.before = typed.before;
  all.path = typed.text;
  all.files = typed.program;
  if (typed.option == nullptr && typed.text.starts_with("-") && !typed.only_values)
    offer_options(typed, all);
  else if (typed.option == nullptr || typed.option->get_positional())
    offer_commands(*typed.command, all);
  if (typed.option != nullptr) offer_value(typed, all);
  std::erase_if(all.candidates, [&](const Candidate& candidate) { return !candidate.word.starts_with(typed.text); });
  for (Candidate& candidate : all.candidates) candidate.word.insert(0, typed.before);
  return all;
}

}  // namespace llmrun::cli
