#include "engine/core/command_line/harmless.h"

#include <fmt/format.h>

namespace llmrun {

std::string harmless(std::string_view text) {
  std::string safe;
  for (const char c : text)
    safe += (c >= ' ' && c <= '~') || c == '\n' ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
  return safe;
}

}  // namespace llmrun
