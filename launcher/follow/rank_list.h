#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace llmrun {

/// "0", "0,8-11" or "all" of `ranks` ranks, ascending, each once. Throws Error(Exit::usage) where it names no rank of the run.
std::vector<int64_t> parse_ranks(std::string_view text, int64_t ranks);

}  // namespace llmrun
