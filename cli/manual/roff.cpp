#include "cli/manual/roff.h"

#include <algorithm>

namespace llmrun::cli {
namespace {

/// Signs that typesetting would make prettier, and that nobody could paste then (groff_char(7)).
std::string_view escape(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '"':
      return "\\(dq";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    default:
      return {};
  }
}

/// A line that begins with a dot would be a request.
std::string guarded(std::string line) { return line.starts_with('.') ? "\\&" + line : line; }

/// A blank line is a paragraph to roff, and blanks at the end of one a warning to its linters.
std::string without_blank_end(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const std::string_view escaped = escape(c);
    escaped.empty() ? out += c : out += escaped;
  }
  return out;
}

std::string bold(std::string_view text) { return fmt::format("\\fB{}\\fR", plain(text)); }
std::string italic(std::string_view text) { return fmt::format("\\fI{}\\fR", plain(text)); }

Roff::Roff(std::string_view name, int section, std::string_view about) {
  std::string title(name);
  std::transform(title.begin(), title.end(), title.begin(), [](unsigned char c) { return std::toupper(c); });
  text_ = fmt::format(".TH \"{}\" \"{}\" \"\" \"llmrun {}\" \"llmrun\"\n.nh\n.ad l\n", plain(title), section, LLMRUN_VERSION);
  this->section("NAME").line(plain(name) + " \\- " + plain(about));
}

Roff& Roff::section(std::string_view title) { return line(fmt::format(".SH \"{}\"", plain(title))); }
Roff& Roff::subsection(std::string_view title) { return line(fmt::format(".SS \"{}\"", plain(title))); }

Roff& Roff::paragraph(std::string_view text) {
  line(".PP");
  return line(guarded(without_blank_end(plain(text))));
}

Roff& Roff::line(std::string_view formatted) {
  text_ += fmt::format("{}\n", formatted);
  return *this;
}

Roff& Roff::item(std::string_view formatted, std::string_view about) {
  line(".TP");
  line(formatted);
  return line(about.empty() ? "\\&" : guarded(without_blank_end(plain(about))));
}

Roff& Roff::example(std::string_view lines) {
  line(".PP").line(".nf").line(".RS 4");
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    line(guarded(without_blank_end(plain(lines.substr(begin, end - begin)))));
    begin = end + 1;
  }
  return line(".RE").line(".fi");
}

}  // namespace llmrun::cli
