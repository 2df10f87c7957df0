#include "cli/completion/line.h"

namespace llmrun::cli {
namespace {

constexpr std::string_view kBlanks = " \t\n";
constexpr std::string_view kMeansSomething = " \t\n\\'\"`$&|;<>()[]{}*?!#~";  // to a shell, outside quotes
constexpr std::string_view kMeansSomethingQuoted = "\\\"`$!";                 // inside double quotes

bool has(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

/// Takes a line apart character by character.
class Splitter {
 public:
  explicit Splitter(std::string_view breaks) : breaks_(breaks) { line_.words.emplace_back(); }

  void take(char c) {
    if (escaped_)
      add(c);
    else if (c == '\\' && line_.quote != '\'')
      escaped_ = true;
    else if (line_.quote != 0)
      c == line_.quote ? close() : add(c);
    else if (c == '\'' || c == '"')
      open(c);
    else if (has(kBlanks, c))
      end_word();
    else
      add_unquoted(c);
  }
  Line line() && { return std::move(line_); }

 private:
  std::string& word() { return line_.words.back(); }
  void add(char c) {
    word() += c;
    escaped_ = false;
    begun_ = true;
  }
  void add_unquoted(char c) {
    add(c);
    if (has(breaks_, c)) line_.replaced = word().size();
  }
  void open(char quote) {
    line_.quote = quote;
    begun_ = true;
    if (!breaks_.empty()) line_.replaced = word().size();  // readline counts both quotes among the breaks
  }
  void close() {
    line_.quote = 0;
    if (!breaks_.empty()) line_.replaced = word().size();
  }
  void end_word() {
    if (begun_) line_.words.emplace_back();
    begun_ = false;
    line_.replaced = 0;
  }

  std::string_view breaks_;
  Line line_;
  bool escaped_ = false;
  bool begun_ = false;  // the word: '' is one too
};

}  // namespace

Line split_line(std::string_view text, std::string_view breaks) {
  Splitter splitter(breaks);
  for (const char c : text) splitter.take(c);
  return std::move(splitter).line();
}

std::string insertion(const Line& line, std::string_view word) {
  std::string text;
  for (const char c : word.substr(line.replaced)) {
    if (line.quote == '\'' && c == '\'') {
      text += "'\\''";
      continue;
    }
    if (line.quote == '"' ? has(kMeansSomethingQuoted, c) : line.quote == 0 && has(kMeansSomething, c)) text += '\\';
    text += c;
  }
  return text;
}

}  // namespace llmrun::cli
