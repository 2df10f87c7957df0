#include "cli/ui/findings.h"

#include <algorithm>

#include "cli/ui/terminal.h"

namespace llmrun::cli {
namespace {

std::string_view short_form(Verdict verdict) { return verdict == Verdict::not_applicable ? "-" : spelling(verdict); }

std::string_view colour(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "\x1b[32m";
    case Verdict::warn:
      return "\x1b[33m";
    case Verdict::fail:
      return "\x1b[1;31m";
    case Verdict::not_applicable:
      break;
  }
  return "\x1b[2m";
}

/// The text broken between words so that every line ends before `columns`, lines behind the first one indented.
std::string wrapped(std::string_view text, size_t indent, size_t columns) {
  if (columns <= indent + 20) return std::string(text);
  const size_t width = columns - indent;
  std::string lines;
  while (text.size() > width) {
    size_t end = text.rfind(' ', width);
    if (end == 0 || end == std::string_view::npos) end = std::min(text.find(' '), text.size());
    lines += std::string(text.substr(0, end)) + "\n" + std::string(indent, ' ');
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines + std::string(text);
}

size_t count(const std::vector<Finding>& findings, Verdict verdict) {
  return static_cast<size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) { return finding.result.verdict == verdict; }));
}

std::string counted(size_t number, const char* word) { return fmt::format("{} {}{}", number, word, number == 1 ? "" : "s"); }

}  // namespace

std::string findings_table(const std::vector<Finding>& findings, size_t columns, bool colored) {
  size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.name.size());
  const size_t indent = 4 + 2 + width + 2;
  std::string table;
  for (const auto& [name, asks, result] : findings) {
    const std::string verdict = fmt::format("{:<4}", short_form(result.verdict));
    table += colored ? fmt::format("{}{}\x1b[0m", colour(result.verdict), verdict) : verdict;
    table += fmt::format("  {:<{}}  {}\n", printable(name), width, wrapped(printable(result.seen), indent, columns));
    if (!result.remedy.empty()) table += fmt::format("{:>{}} {}\n", "->", indent - 1, wrapped(printable(result.remedy), indent, columns));
  }
  return table;
}

json findings_json(const std::vector<Finding>& findings, const std::string& host, const json& report) {
  json checks = json::array();
  for (const auto& [name, asks, result] : findings)
    checks.push_back(
        {{"name", name}, {"asks", asks}, {"result", spelling(result.verdict)}, {"seen", result.seen}, {"remedy", result.remedy}});
  return {{"version", 1}, {"host", host}, {"worst", spelling(worst(findings))}, {"checks", checks}, {"report", report}};
}

std::string findings_summary(const std::vector<Finding>& findings) {
  return fmt::format("{}: {}, {}", counted(findings.size(), "check"), counted(count(findings, Verdict::warn), "warning"),
                     counted(count(findings, Verdict::fail), "failure"));
}

}  // namespace llmrun::cli
