#include "launcher/rundir/git_state.h"

#include "launcher/process/subprocess.h"
#include "launcher/rundir/saved_environment.h"

namespace llmrun {
namespace {

std::optional<std::string> git(std::vector<std::string> words, const Variables& environment, std::chrono::milliseconds most) {
  std::vector<std::string> argv{"git", "--no-optional-locks", "-c", "core.fsmonitor=false"};
  argv.insert(argv.end(), words.begin(), words.end());
  return capture({.argv = std::move(argv), .environment = environment, .drop_errors = true}, most, GitState::kLongestDiff + 1);
}

}  // namespace

GitState git_state(const Variables& environment) {
  GitState state;
  const auto sha = git({"rev-parse", "HEAD"}, environment, std::chrono::milliseconds(500));
  if (!sha) return state;
  state.sha = sha->substr(0, sha->find('\n'));
  state.diff = git({"diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD"}, environment, std::chrono::milliseconds(1500));
  if (!state.diff) return state;
  state.cut = state.diff->size() > GitState::kLongestDiff;
  if (state.cut) state.diff->resize(state.diff->rfind('\n') + 1);  // a secret that the cut divides would not be found
  state.diff = without_secrets(*std::move(state.diff), environment);
  return state;
}

json to_json(const GitState& state) {
  return {{"sha", state.sha},
          {"dirty", state.diff ? json(!state.diff->empty()) : json()},
          {"diff", state.diff ? json(*state.diff) : json()},
          {"diff_cut", state.cut}};
}

GitState git_state_from(const json& document) {
  GitState state{.sha = document.at("sha"), .cut = document.value("diff_cut", false)};
  if (document.contains("diff") && document["diff"].is_string()) state.diff = document["diff"].get<std::string>();
  return state;
}

}  // namespace llmrun
