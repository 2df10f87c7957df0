#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "launcher/profile/catalog.h"
#include "launcher/profile/resolved.h"

namespace llmrun {

/// Everything a configuration is made from. A test fills it by hand; sources_here() looks at this process.
struct Sources {
  std::string run_file;           // a YAML file, or the name of a recipe; empty: none
  std::vector<std::string> sets;  // "parallel.tensor=4", in the order given
  std::map<std::string, std::string> environment;
  std::string host;                                        // chooses the machine profile
  std::filesystem::path directory;                         // relative paths of the command line and the environment start here
  std::vector<std::filesystem::path> profile_directories;  // strongest first
  bool trains = true;  // false: another program is started, so the knobs of a training (SEQ_LEN, SP_TYPE, ...; not LLMRUN_...) do not count
};

Sources sources_here(std::string run_file, std::vector<std::string> sets);

/// $LLMRUN_PROFILES (colons between directories), ~/.config/llmrun/profiles, /etc/llmrun/profiles (or these two without the last word), and
/// those shipped beside the executable.
std::vector<std::filesystem::path> profile_directories(const std::map<std::string, std::string>& environment);

/// Lays the layers over each other, weakest first: built-in defaults, machine profile, model profile, model.from, the ALCF scripts'
/// defaults (alcf.h), recipe, run file, environment, command line. Throws one Error(Exit::config) with every complaint of every layer;
/// Exit::preflight where `model.from` is no model. What must fit together (ranks, heads) is the planner's business.
/// `contradictions`: what else is said where keys or values are refused, so that one report holds all; Resolved::was_read() tells it what
/// there is to judge.
Resolved read_config(const Sources& sources, const std::function<void(const Resolved&, std::vector<Complaint>&)>& contradictions = nullptr);

}  // namespace llmrun
