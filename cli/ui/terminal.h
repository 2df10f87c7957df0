#pragma once
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace llmrun::cli {

/// Text of others (logs, file names, values) made harmless for a terminal: control characters, the bidirectional overrides of Unicode and
/// bytes that are no UTF-8 become \x1b and the like; newlines and tabs stay.
std::string printable(std::string_view text);
/// The same behind what `to` holds, at the speed of memory where all is plain ASCII.
void append_printable(std::string& to, std::string_view text);

/// stdout or stderr. Writes are buffered by stdio; failed() tells at the end whether all of them arrived.
class Output {
 public:
  explicit Output(std::FILE* file) : file_(file) {}
  void write(std::string_view text) { std::fwrite(text.data(), 1, text.size(), file_); }
  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    write(fmt::format(format, std::forward<Args>(args)...));
  }
  bool is_terminal() const;
  /// Columns of the terminal that it is, 80 elsewhere.
  size_t columns() const;
  /// Rows of it, 24 elsewhere.
  size_t rows() const;
  /// Flushes; true if anything was lost (a full disk, a closed pipe).
  bool failed() { return std::fflush(file_) != 0 || std::ferror(file_) != 0; }

 private:
  std::FILE* file_;
};

}  // namespace llmrun::cli
