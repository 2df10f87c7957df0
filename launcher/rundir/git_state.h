#pragma once
#include <optional>
#include <string>

#include "engine/core/json.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// The git repository that a run was started in: the user's own code and configuration, as they were.
struct GitState {
  static constexpr size_t kLongestDiff = 1 << 20;
  std::string sha;                  // empty: no repository, or no git
  std::optional<std::string> diff;  // `git diff HEAD`; empty text: clean; nothing: it failed or took too long
  bool cut = false;                 // the diff is longer than kLongestDiff
};

/// Of the current directory. Takes two seconds at most and never fails; nothing that the repository configures is run (external diffs,
/// text conversion, a file system monitor). Values that secret variables hold are left out of the diff.
GitState git_state(const Variables& environment);

/// {sha, dirty, diff, diff_cut}; dirty and diff are null where they are not known.
json to_json(const GitState& state);
GitState git_state_from(const json& document);

}  // namespace llmrun
