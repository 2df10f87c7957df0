#include "engine/core/json.h"

#include "engine/core/file.h"

namespace llmrun {

json read_json_file(const std::filesystem::path& path, Exit code) {
  const std::string text = read_file(path, code);
  try {
    return json::parse(text);
  } catch (const json::parse_error& failure) {
    throw Error(code, "'{}' is not JSON: it breaks at byte {} of {}", path.string(), failure.byte, text.size());
  }
}

}  // namespace llmrun
