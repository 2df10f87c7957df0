#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace llmrun {

enum class Verdict { ok, warn, fail, not_applicable };
std::string_view spelling(Verdict verdict);  // "ok", "warn", "fail", "not applicable"

/// What a look brought: the verdict, what was seen (also what is not known), and for `warn` and `fail` a remedy, a line to type where there
/// is one.
struct Result {
  Verdict verdict = Verdict::ok;
  std::string seen;
  std::string remedy;
};

/// A question about a machine, as data: a name of one or two words and what it asks. `look` answers from what was captured in it, may
/// take long or throw, and changes nothing but scratch files of its own.
struct Check {
  std::string name;
  std::string asks;
  std::function<Result()> look;
};

/// A check with its result.
struct Finding {
  std::string name;
  std::string asks;
  Result result;
};

/// The worst of all verdicts: fail, warn, else ok.
Verdict worst(const std::vector<Finding>& findings);

}  // namespace llmrun
