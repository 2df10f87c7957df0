#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace llmrun::fuzz {
namespace {

using namespace std::string_view_literals;

// What readers of YAML, JSON, hostfiles and binary headers look at.
constexpr std::array kPieces{"["sv,
                             "]"sv,
                             "{"sv,
                             "}"sv,
                             ","sv,
                             ": "sv,
                             "\""sv,
                             "'"sv,
                             "\n"sv,
                             "  "sv,
                             "- "sv,
                             "#"sv,
                             "&a"sv,
                             "*a"sv,
                             "!t "sv,
                             "|\n"sv,
                             ">\n"sv,
                             "? "sv,
                             "---\n"sv,
                             "%"sv,
                             "\t"sv,
                             "\0"sv,
                             "\r"sv,
                             "\xFF"sv,
                             "\xC3"sv,
                             "null"sv,
                             "true"sv,
                             "auto"sv,
                             "~"sv,
                             "0"sv,
                             "-1"sv,
                             "1e999"sv,
                             "1.5"sv,
                             "2147483648"sv,
                             "9223372036854775807"sv,
                             "18446744073709551615"sv,
                             "99999999999999999999"sv,
                             "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"sv};

// Not std::uniform_int_distribution: its numbers differ between libraries.
size_t below(size_t limit, std::mt19937_64& random) { return limit == 0 ? 0 : random() % limit; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Puts a piece in the place of a number, at or after a random position.
void replace_number(std::string& text, std::mt19937_64& random) {
  const auto begin = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(below(text.size(), random)), text.end(), is_digit);
  const auto end = std::find_if_not(begin, text.end(), is_digit);
  text.replace(begin, end, kPieces[below(kPieces.size(), random)]);
}

void damage(std::string& text, const std::vector<std::string>& corpus, std::mt19937_64& random) {
  const size_t at = below(text.size() + 1, random);
  const size_t length = below(std::min<size_t>(text.size() - at, 64) + 1, random);
  switch (below(7, random)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8, random)));
      break;
    case 1:
      if (at < text.size()) text[at] = static_cast<char>(random());
      break;
    case 2:
      text.erase(at, length);
      break;
    case 3:
      text.insert(at, std::string(text.substr(at, length)));
      break;
    case 4:
      text.insert(at, kPieces[below(kPieces.size(), random)]);
      break;
    case 5:
      replace_number(text, random);
      break;
    default:
      const std::string& other = corpus[below(corpus.size(), random)];
      text = text.substr(0, at) + other.substr(below(other.size() + 1, random));
  }
}

}  // namespace

std::string mutated(const std::vector<std::string>& corpus, std::mt19937_64& random) {
  std::string text = corpus[below(corpus.size(), random)];
  for (size_t times = 1 + below(4, random); times > 0; --times) damage(text, corpus, random);
  return text;
}

}  // namespace llmrun::fuzz
