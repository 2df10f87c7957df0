#include "engine/core/json.h"

#include <limits>
#include <stdexcept>

#include "engine/core/file.h"

namespace llmrun {
namespace {

constexpr int kMostLevels = 32;

/// The byte, from 1, of the bracket that opens one level too many; 0 where none does. A text that is no JSON may give any answer.
size_t too_deep_at(std::string_view text) {
  int level = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++level > kMostLevels) return i + 1;
    } else if (c == ']' || c == '}') {
      --level;
    }
  }
  return 0;
}

}  // namespace

json parse_json(std::string_view text) {
  if (const size_t byte = too_deep_at(text))
    throw std::invalid_argument(fmt::format("it has more than {} levels at byte {}", kMostLevels, byte));
  try {
    return json::parse(text);
  } catch (const json::parse_error& failure) {
    throw std::invalid_argument(fmt::format("it breaks at byte {} of {}", failure.byte, text.size()));
  } catch (const json::out_of_range&) {
    throw std::invalid_argument("it holds a number beyond the range of doubles");
  }
}

int64_t whole_number(const json& value) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  if (!fits) throw std::invalid_argument(fmt::format("{} is not a whole number", value.dump()));
  return value.get<int64_t>();
}

json read_json_file(const std::filesystem::path& path, Exit code) {
  try {
    return parse_json(read_file(path, code));
  } catch (const std::invalid_argument& failure) {
    throw Error(code, "'{}' is not JSON: {}", path.string(), failure.what()).hint("python3 -m json.tool '{}'", path.string());
  }
}

}  // namespace llmrun
