#include "launcher/scheduler/refusal.h"

#include <algorithm>

namespace llmrun {
namespace {

/// The last line that says something: what stands before it is usage or a warning.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

bool speaks_of(const Answer& answer, std::span<const std::string_view> texts) {
  return std::any_of(texts.begin(), texts.end(), [&](std::string_view text) { return answer.err.find(text) != std::string::npos; });
}

Error refusal(std::string_view command, const Answer& answer, const RefusalWords& words) {
  const std::string said = last_line(answer.err);
  if (answer.late) return std::move(Error(Exit::unreachable, "{} did not answer in time", command).hint("{}", words.when_late));
  if (speaks_of(answer, words.no_server)) return std::move(Error(Exit::unreachable, "{}", said).hint("{}", words.when_down));
  Error error(Exit::preflight, "{}",
              said.empty() ? fmt::format("{} ended with exit code {} and said nothing", command, answer.status.exit_code()) : said);
  for (const Remedy& remedy : words.remedies)
    if (said.find(remedy.text) != std::string::npos) return std::move(error.hint("{}", remedy.hint));
  return error;
}

}  // namespace llmrun
