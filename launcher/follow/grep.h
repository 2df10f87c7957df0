#pragma once
#include <regex.h>

#include <memory>
#include <string>
#include <string_view>

namespace llmrun {

/// Finds a POSIX extended regular expression in lines, byte by byte; \d and \D are known too. A text that every match must hold is looked
/// for first: most lines of a log are passed over at the speed of memory.
class Grep {
 public:
  /// Throws Error(Exit::usage) where `pattern` is none. An empty one is in every line.
  explicit Grep(const std::string& pattern);
  bool in(std::string_view line) const;

 private:
  std::string literal_;                                                        // in every match
  std::unique_ptr<regex_t, void (*)(regex_t*)> expression_{nullptr, nullptr};  // none where the literal says all
};

/// The longest text that every match of the expression holds; empty where none is certain.
std::string required_literal(std::string_view pattern);

}  // namespace llmrun
