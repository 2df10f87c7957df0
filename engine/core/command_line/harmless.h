#pragma once
#include <string>
#include <string_view>

namespace llmrun {

/// Names and messages may carry what others put into files: nothing but printable ASCII and newlines reaches the terminal.
std::string harmless(std::string_view text);

}  // namespace llmrun
