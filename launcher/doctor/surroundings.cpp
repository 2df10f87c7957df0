#include "launcher/doctor/surroundings.h"

namespace llmrun {
namespace {

std::string last_line(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

std::string answer_of(const Surroundings& here, std::vector<std::string> argv) {
  const std::string shown = fmt::format("{}", fmt::join(argv, " "));
  const Answer answer = ask({std::move(argv), here.environment}, here.patience);
  if (answer.late)
    throw Error(Exit::unreachable, "'{}' did not answer within {:.3g} s", shown, std::chrono::duration<double>(here.patience).count())
        .hint("{}", shown);
  if (!answer.status.clean())
    throw Error(Exit::unreachable, "'{}' failed with {}: {}", shown, answer.status.exit_code(),
                last_line(answer.err.empty() ? answer.out : answer.err))
        .hint("{}", shown);
  return answer.out;
}

std::vector<Check> checks_of_this_machine(const Surroundings& here) {
  std::vector<Check> all;
  for (const auto& group : {program_checks, profile_checks, scheduler_checks, filesystem_checks, environment_checks, launcher_checks}) {
    std::vector<Check> checks = group(here);
    std::move(checks.begin(), checks.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace llmrun
