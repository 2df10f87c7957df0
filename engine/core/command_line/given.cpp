#include "engine/core/command_line/given.h"

#include "engine/core/command_line/value.h"

namespace llmrun {

std::vector<std::string> given_options(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::Option* option :
       command.get_options([](const CLI::Option* each) { return each->nonpositional() && each->count() > 0; })) {
    if (!takes_value(*option)) words.push_back(option->get_name());
    for (const std::string& value : option->results())
      if (takes_value(*option)) words.insert(words.end(), {"--" + option->get_lnames().front(), value});
  }
  return words;
}

}  // namespace llmrun
