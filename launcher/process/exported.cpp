#include "launcher/process/exported.h"

#include <fmt/format.h>

namespace llmrun {

Exported exported(const std::string& name, const std::string& value) {
  const std::string ending = fmt::format(":${{{}}}", name);
  if (!value.ends_with(ending)) return {value, ""};
  return {value.substr(0, value.size() - ending.size()), fmt::format("\"${{{0}:+:${0}}}\"", name)};
}

void export_to(Variables& environment, const std::string& name, const std::string& value) {
  const Exported what = exported(name, value);
  const std::string old = what.rest.empty() ? "" : environment.get(name).value_or("");
  if (old == what.value || old.starts_with(what.value + ":"))
    environment.set(name, old);
  else
    environment.set(name, old.empty() ? what.value : what.value + ":" + old);
}

}  // namespace llmrun
