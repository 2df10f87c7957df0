#include "launcher/profile/about.h"

namespace llmrun {

std::string about_profile(const std::string& text, const std::string& name) {
  std::string line = text.substr(0, text.find('\n'));
  for (const std::string& prefix : {std::string("# "), name + ": "})
    if (line.starts_with(prefix)) line.erase(0, prefix.size());
  return line;
}

}  // namespace llmrun
