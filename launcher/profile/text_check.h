#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace llmrun {

/// What to look at where a file is larger or deeper than any configuration.
inline constexpr const char* kWhatFits = "llmrun config schema --text shows what may stand in a file";

/// What can be said of a text before it is parsed, in one pass: its size, NUL, tabs, UTF-8, and nesting so deep that the parser would
/// choke on it. At most one complaint of each kind, at its first place; `name` is the file name in the places.
std::vector<Complaint> check_text(std::string_view text, const std::string& name);

bool is_utf8(std::string_view text);

}  // namespace llmrun
