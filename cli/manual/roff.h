#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>

namespace llmrun::cli {

/// A manual page being written in the macros of man(7). Text comes in as people read it; what means something to roff is escaped here.
class Roff {
 public:
  /// `name` as in "llmrun-train", `section` of the manual, `about` in one sentence.
  Roff(std::string_view name, int section, std::string_view about);

  Roff& section(std::string_view title);     // .SH
  Roff& subsection(std::string_view title);  // .SS
  Roff& paragraph(std::string_view text);
  Roff& line(std::string_view formatted);                          // already roff
  Roff& item(std::string_view formatted, std::string_view about);  // a term in roff, and what it means below
  Roff& example(std::string_view lines);                           // as it is, not filled
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

/// `text` such that roff prints it as it is.
std::string plain(std::string_view text);
std::string bold(std::string_view text);
std::string italic(std::string_view text);

}  // namespace llmrun::cli
