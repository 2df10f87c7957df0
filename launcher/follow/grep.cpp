#include "launcher/follow/grep.h"

#include <cstring>

#include "engine/core/error.h"

namespace llmrun {
namespace {

constexpr std::string_view kSpecial = "\\[](){}|*+?.^$";

/// Where a bracket expression that begins at `begin` ends; "[]a]" and "[[:digit:]]" hold brackets themselves.
size_t behind_brackets(std::string_view pattern, size_t begin) {
  size_t at = begin + 1;
  if (at < pattern.size() && pattern[at] == '^') ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  while (at < pattern.size() && pattern[at] != ']') {
    const bool named = pattern[at] == '[' && at + 1 < pattern.size() && std::strchr(":.=", pattern[at + 1]) != nullptr;
    const size_t end = named ? pattern.find(std::string{pattern[at + 1], ']'}, at + 2) : at;
    if (end == pattern.npos) return pattern.size();
    at = end + (named ? 2 : 1);
  }
  return at + 1;
}

size_t behind_group(std::string_view pattern, size_t begin) {
  int depth = 0;
  for (size_t at = begin; at < pattern.size();) {
    const char c = pattern[at];
    if (c == '[') {
      at = behind_brackets(pattern, at);
      continue;
    }
    at += c == '\\' ? 2 : 1;
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (depth == 0) return at;
  }
  return pattern.size();
}

/// \d as most tools have it; what stands between brackets stays.
std::string with_digits(std::string_view pattern) {
  std::string text;
  for (size_t at = 0; at < pattern.size();) {
    size_t end = at + 1;
    if (pattern[at] == '[') end = behind_brackets(pattern, at);
    if (pattern[at] == '\\') end = at + 2;
    const std::string_view part = pattern.substr(at, end - at);
    text += part == "\\d" ? "[0-9]" : part == "\\D" ? "[^0-9]" : part;
    at = end;
  }
  return text;
}

}  // namespace

std::string required_literal(std::string_view pattern) {
  std::string longest, run;
  const auto end_run = [&] {
    if (run.size() > longest.size()) longest = run;
    run.clear();
  };
  for (size_t at = 0; at < pattern.size();) {
    const char c = pattern[at];
    if (c == '|') return {};                 // either side may be the one
    if (c == '*' || c == '?' || c == '{') {  // the character before may not be there
      if (!run.empty()) run.pop_back();
      end_run();
      at = c == '{' ? std::min(pattern.find('}', at), pattern.size() - 1) + 1 : at + 1;
      continue;
    }
    const bool escaped = c == '\\' && at + 1 < pattern.size() && kSpecial.find(pattern[at + 1]) != kSpecial.npos;
    if (escaped || kSpecial.find(c) == kSpecial.npos) {
      run += escaped ? pattern[at + 1] : c;
      at += escaped ? 2 : 1;
      continue;
    }
    end_run();  // +, an anchor, any character, a set, a group, \w
    if (c == '[')
      at = behind_brackets(pattern, at);
    else if (c == '(')
      at = behind_group(pattern, at);
    else
      at += c == '\\' ? 2 : 1;
  }
  end_run();
  return longest;
}

Grep::Grep(const std::string& pattern) : literal_(required_literal(pattern)) {
  if (pattern.find_first_of(kSpecial) == pattern.npos) return;
  expression_ = {new regex_t, [](regex_t* expression) {
                   ::regfree(expression);
                   delete expression;
                 }};
  const std::string posix = with_digits(pattern);
  if (const int failure = ::regcomp(expression_.get(), posix.c_str(), REG_EXTENDED | REG_NOSUB); failure != 0) {
    char text[256];
    ::regerror(failure, expression_.get(), text, sizeof text);
    delete expression_.release();  // nothing was compiled that regfree could free
    throw Error(Exit::usage, "--grep '{}' is no regular expression: {}", pattern, text)
        .hint("a backslash takes a character as it is: --grep '\\['");
  }
}

bool Grep::in(std::string_view line) const {
  if (line.find(literal_) == line.npos) return false;
  if (!expression_) return true;
  regmatch_t whole{0, static_cast<regoff_t>(line.size())};
  return ::regexec(expression_.get(), line.data(), 1, &whole, REG_STARTEND) == 0;
}

}  // namespace llmrun
