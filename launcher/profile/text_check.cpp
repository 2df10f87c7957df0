#include "launcher/profile/text_check.h"

#include <algorithm>

namespace llmrun {
namespace {

constexpr size_t kMaxBytes = 1 << 20;
constexpr int kMaxLine = 4096;
constexpr int kMaxLines = 20'000;
constexpr int kMaxOpenBrackets = 256;  // a tree has 16 levels; this many unclosed ones only cost the parser time

/// Bytes of the UTF-8 sequence at the start of `text`; 0: it is not one (RFC 3629: no overlong forms, no surrogates).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool beyond = first == 0xF4 && byte(1) > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

class Scan {
 public:
  Scan(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  std::vector<Complaint> run() {
    for (size_t at = 0; at < text_.size() && !endless_;) {
      const size_t length = utf8_length(text_.substr(at));
      if (length == 0) complain(not_utf8_, "not UTF-8", "save the file as UTF-8");
      look_at(text_[at], std::max<size_t>(1, length));
      at += std::max<size_t>(1, length);
    }
    return std::move(complaints_);
  }

 private:
  void look_at(char c, size_t length) {
    if (c == '\n') {
      if (++line_ > kMaxLines) complain(endless_, "more than 20,000 lines", kWhatFits);
      column_ = 1;
      return;
    }
    if (c == '\0') complain(nul_, "a NUL byte", "this is not a text file");
    if (c == '\t') complain(tab_, "a tab", "use spaces");
    if (c == '[' || c == '{') ++open_brackets_;
    if (c == ']' || c == '}') --open_brackets_;
    if (open_brackets_ > kMaxOpenBrackets) complain(endless_, "more than 16 levels of nesting", kWhatFits);
    column_ += static_cast<int>(length);
    if (column_ > kMaxLine) complain(endless_, "a line of more than 4096 characters", kWhatFits);
  }

  void complain(bool& said, const char* what, const char* hint) {
    if (said) return;
    said = true;
    complaints_.push_back({what, Place{name_, line_, column_}, {}, hint});
  }

  std::string_view text_;
  const std::string& name_;
  std::vector<Complaint> complaints_;
  int line_ = 1, column_ = 1, open_brackets_ = 0;
  bool not_utf8_ = false, nul_ = false, tab_ = false;
  bool endless_ = false;  // ends the scan
};

}  // namespace

std::vector<Complaint> check_text(std::string_view text, const std::string& name) {
  if (text.size() > kMaxBytes)
    return {{fmt::format("'{}' has {} bytes: at most {} are read", name, text.size(), kMaxBytes), {}, {}, kWhatFits}};
  return Scan(text, name).run();
}

bool is_utf8(std::string_view text) {
  while (!text.empty())
    if (const size_t length = utf8_length(text); length != 0)
      text.remove_prefix(length);
    else
      return false;
  return true;
}

}  // namespace llmrun
