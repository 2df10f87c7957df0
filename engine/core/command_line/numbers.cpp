#include "engine/core/command_line/numbers.h"

#include "engine/core/command_line/value.h"
#include "engine/core/units.h"

namespace llmrun {

bool is_number_of(const CLI::Option& option, const std::string& value) {
  if (speaks_of(option, "UINT")) return parse_integer(value).value_or(-1) >= 0;
  if (speaks_of(option, "INT")) return parse_integer(value).has_value();
  if (speaks_of(option, "FLOAT")) return parse_number(value).has_value();
  return true;
}

void check_numbers(CLI::App& app) {
  for (CLI::Option* option : app.get_options([](CLI::Option* each) { return takes_value(*each); }))
    if (speaks_of(*option, "UINT") || speaks_of(*option, "INT") || speaks_of(*option, "FLOAT"))
      option->check([option](const std::string& value) { return is_number_of(*option, value) ? "" : " " + value + " is not a number"; });
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) check_numbers(*command);
}

}  // namespace llmrun
