#pragma once
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace llmrun {

/// The lines of one section ("## HEADING") of the README: tests do what it says.
inline std::vector<std::string> readme_section(const std::string& heading) {
  std::ifstream readme(LLMRUN_SOURCE_DIR "/README.md");
  std::vector<std::string> lines;
  bool inside = false;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("## ")) inside = line == "## " + heading;
    if (inside) lines.push_back(line);
  }
  return lines;
}

/// The commands of a section, in order.
inline std::vector<std::string> readme_commands(const std::string& heading) {
  std::vector<std::string> commands;
  for (const std::string& line : readme_section(heading))
    if (line.starts_with("    llmrun ")) commands.push_back(line.substr(4));
  return commands;
}

/// The first YAML block of a section.
inline std::string readme_yaml(const std::string& heading) {
  std::string yaml;
  bool inside = false;
  for (const std::string& line : readme_section(heading)) {
    if (inside && line == "```") break;
    if (inside) yaml += line + "\n";
    if (line == "```yaml") inside = true;
  }
  return yaml;
}

}  // namespace llmrun
