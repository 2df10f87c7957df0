#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace llmrun {

/// One word for a POSIX shell: bare where every character is harmless, else in single quotes. No byte of `text` is ever interpreted.
std::string shell_quoted(std::string_view text);
/// The words with blanks between them.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace llmrun
