#include "engine/core/command_line/value.h"

namespace llmrun {

bool takes_value(const CLI::Option& option) { return option.get_expected_max() > 0 && option.get_type_size_max() > 0; }

bool speaks_of(const CLI::Option& option, const char* type) {
  const std::string name = option.get_type_name();
  const size_t at = name.find(type);
  return at != std::string::npos && (at == 0 || name[at - 1] == ':');
}

std::vector<std::string> value_words(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type.find('|') != std::string::npos && type.front() == '[') return CLI::detail::split(type.substr(1, type.find(']') - 1), '|');
  // "TEXT:{gpt,llama}" or "ENUM:value in {gpt->0,llama->1} OR {0,1}"
  const size_t open = type.find('{'), close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return {};
  std::vector<std::string> words = CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
  for (std::string& word : words) word = word.substr(0, word.find("->"));
  return words;
}

std::string value_name(const CLI::Option& option) {
  if (const auto words = value_words(option); !words.empty()) return CLI::detail::join(words, "|");
  const std::string type = option.get_type_name(), name = type.substr(0, type.find(':'));
  return name == "INT" || name == "UINT" || name == "FLOAT" ? "N" : name;
}

}  // namespace llmrun
