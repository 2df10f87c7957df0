#include "engine/rank/fault.h"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "engine/core/error.h"

namespace llmrun {
namespace {

/// What the trainer enters (TrainerOptions::entering).
constexpr std::string_view kSections[] = {"restore", "step", "evaluation", "checkpoint"};

[[noreturn]] void refuse(std::string_view text) {
  throw Error(Exit::usage, "cannot read LLMRUN_FAULT '{}'", text).hint("LLMRUN_FAULT=kill9@rank=2,step=7,section=checkpoint");
}

int64_t number(std::string_view digits, std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) refuse(text);
  return value;
}

}  // namespace

std::optional<Fault> fault_from_environment() {
  const char* variable = std::getenv("LLMRUN_FAULT");
  if (variable == nullptr) return std::nullopt;
  const std::string_view text = variable;
  constexpr std::string_view kind = "kill9@";
  if (!text.starts_with(kind)) refuse(text);
  Fault fault;
  std::string_view rest = text.substr(kind.size());
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) refuse(text);
    const std::string_view key = pair.substr(0, equals), value = pair.substr(equals + 1);
    if (key == "rank") {
      fault.rank = static_cast<int>(number(value, text));
    } else if (key == "step") {
      fault.step = number(value, text);
    } else if (key == "section" && std::find(std::begin(kSections), std::end(kSections), value) != std::end(kSections)) {
      fault.section = value;
    } else {
      refuse(text);
    }
  }
  return fault;
}

void maybe_fail(const std::optional<Fault>& fault, int64_t rank, const char* section, int64_t step) {
  if (fault && fault->rank == rank && fault->step == step && fault->section == section) raise(SIGKILL);
}

}  // namespace llmrun
