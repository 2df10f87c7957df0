#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace llmrun::cli {

/// A command line that is being typed, up to the cursor, as its shell will take it apart.
struct Line {
  std::vector<std::string> words;  // without their quotes and backslashes; the last one, perhaps empty, is being typed
  size_t replaced = 0;             // where in the last word that begins which the shell will replace
  char quote = 0;                  // the quote that stands open there: ' or "; 0: none
};

/// Splits as bash does, and near enough as zsh and fish do; nothing is expanded. `breaks`: the characters at which readline begins to
/// replace anew inside a word (COMP_WORDBREAKS); a shell that replaces whole words has none.
Line split_line(std::string_view text, std::string_view breaks);

/// `word`, which begins with the last word of `line`, as it is to be inserted: from `replaced` on, and quoted for where it will stand.
std::string insertion(const Line& line, std::string_view word);

}  // namespace llmrun::cli
