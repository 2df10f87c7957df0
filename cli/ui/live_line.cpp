#include "cli/ui/live_line.h"

namespace llmrun::cli {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

std::string_view fitting(std::string_view text, size_t columns) {
  for (size_t i = 0; i < text.size(); ++i)
    if (begins_character(text[i]) && columns-- == 0) return text.substr(0, i);
  return text;
}

void LiveLine::show(const std::string& text, const std::string& changing) {
  if (!terminal_) {
    if (text != said_) output_.print("{}\n", text);
    said_ = text;
    output_.failed();  // flushes
    return;
  }
  const size_t columns = output_.columns();
  // Many terminals broke the old line when they became narrower, and there is no telling: it stays where it is.
  if (columns < columns_) output_.write("\n");
  // What changes stands first: it is short, and a long reason would cut it off.
  output_.print("\r{}\x1b[K", fitting(changing + text, columns - 1));
  columns_ = columns;
  output_.failed();
}

void LiveLine::clear() {
  said_.clear();
  if (columns_ != 0) output_.write("\r\x1b[K");
  columns_ = 0;
  output_.failed();
}

}  // namespace llmrun::cli
