#include "launcher/render/array_indices.h"

#include <charconv>

namespace llmrun {
namespace {

/// Takes a number from the front of `text`; nothing where there is none.
std::optional<int64_t> take_number(std::string_view& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char letter) {
  if (!text.starts_with(letter)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<ArrayIndices> parse_array_indices(std::string_view text) {
  ArrayIndices array;
  if (!text.empty() && text.front() != '%') {
    array.first = take_number(text);
    array.last = array.first && take(text, '-') ? take_number(text) : array.first;
    if (!array.last || *array.last < *array.first) return std::nullopt;
  }
  if (take(text, '%')) {
    array.at_once = take_number(text);
    if (array.at_once.value_or(0) == 0) return std::nullopt;
  }
  return text.empty() ? std::optional(array) : std::nullopt;
}

}  // namespace llmrun
