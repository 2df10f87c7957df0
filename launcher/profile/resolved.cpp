#include "launcher/profile/resolved.h"

#include "engine/core/spec/fields.h"

namespace llmrun {

Place Resolved::where(std::string_view path) const {
  const auto found = settings.find(path);
  return found == settings.end() ? Place{} : found->second.back().place;
}

std::string Resolved::set_by(std::string_view path) const {
  const auto found = settings.find(path);
  if (const auto rule = derived.find(path); rule != derived.end())
    return fmt::format("{} {} is {}", path, find_field(path)->shown_in(config), rule->second);
  if (found == settings.end()) return fmt::format("{} {} is the built-in default", path, find_field(path)->shown_in(config));
  const std::vector<Setting>& said = found->second;
  std::string text = fmt::format("{} {} was set by {}", path, said.back().value, said.back().layer);
  if (said.size() > 1) text += fmt::format(", over {} from {}", said[said.size() - 2].value, said[said.size() - 2].layer);
  return text;
}

void Resolved::locate(std::string_view path, Complaint& complaint) const {
  complaint.at = where(path);
  if (complaint.at->file.empty()) complaint.because.push_back(set_by(path));
}

}  // namespace llmrun
