#include "cli/ui/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace llmrun::cli {

std::string printable(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = [&](size_t n) { return i + n < text.size() ? static_cast<unsigned char>(text[i + n]) : 0; };
    const bool c1 = byte == 0xC2 && next(1) >= 0x80 && next(1) <= 0x9F;  // U+0080..U+009F
    // U+202A..U+202E and U+2066..U+2069: text that reads otherwise than it is
    const bool bidirectional = byte == 0xE2 && ((next(1) == 0x80 && next(2) >= 0xAA && next(2) <= 0xAE) ||
                                                (next(1) == 0x81 && next(2) >= 0xA6 && next(2) <= 0xA9));
    if ((byte < 0x20 && byte != '\n') || byte == 0x7F || c1 || bidirectional)
      safe += fmt::format("\\x{:02x}", byte);
    else
      safe += text[i];
    if (c1 || bidirectional) {
      for (size_t n = 1; n <= (c1 ? 1u : 2u); ++n) safe += fmt::format("\\x{:02x}", next(n));
      i += c1 ? 1 : 2;
    }
  }
  return safe;
}

size_t Output::columns() const {
  winsize size{};
  return ::ioctl(::fileno(file_), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

bool Output::is_terminal() const { return ::isatty(::fileno(file_)) == 1; }

}  // namespace llmrun::cli
