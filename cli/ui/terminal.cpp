#include "cli/ui/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/core/dataset/utf8.h"

namespace llmrun::cli {
namespace {

bool is_control(unsigned char byte) { return (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F; }

/// One pass without branches, which compilers turn into vector instructions.
bool is_plain(std::string_view text) {
  bool special = false;
  for (const char c : text) special |= is_control(static_cast<unsigned char>(c)) | (static_cast<unsigned char>(c) >= 0x80);
  return !special;
}

/// `text` is UTF-8.
void append_harmless(std::string& to, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = [&](size_t n) { return i + n < text.size() ? static_cast<unsigned char>(text[i + n]) : 0; };
    const bool c1 = byte == 0xC2 && next(1) >= 0x80 && next(1) <= 0x9F;  // U+0080..U+009F
    // U+202A..U+202E and U+2066..U+2069: text that reads otherwise than it is
    const bool bidirectional = byte == 0xE2 && ((next(1) == 0x80 && next(2) >= 0xAA && next(2) <= 0xAE) ||
                                                (next(1) == 0x81 && next(2) >= 0xA6 && next(2) <= 0xA9));
    if (is_control(byte) || c1 || bidirectional)
      to += fmt::format("\\x{:02x}", byte);
    else
      to += text[i];
    if (c1 || bidirectional) {
      for (size_t n = 1; n <= (c1 ? 1u : 2u); ++n) to += fmt::format("\\x{:02x}", next(n));
      i += c1 ? 1 : 2;
    }
  }
}

}  // namespace

void append_printable(std::string& to, std::string_view text) {
  if (is_plain(text)) {
    to += text;
    return;
  }
  while (!text.empty()) {
    const size_t valid = invalid_utf8(text).value_or(text.size());
    append_harmless(to, text.substr(0, valid));
    if (valid == text.size()) return;
    to += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[valid]));
    text.remove_prefix(valid + 1);
  }
}

std::string printable(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  append_printable(safe, text);
  return safe;
}

size_t Output::columns() const {
  winsize size{};
  return ::ioctl(::fileno(file_), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

size_t Output::rows() const {
  winsize size{};
  return ::ioctl(::fileno(file_), TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : 24;
}

bool Output::is_terminal() const { return ::isatty(::fileno(file_)) == 1; }

}  // namespace llmrun::cli
