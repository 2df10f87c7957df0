#include "launcher/doctor/check.h"

namespace llmrun {

std::string_view spelling(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::warn:
      return "warn";
    case Verdict::fail:
      return "fail";
    case Verdict::not_applicable:
      break;
  }
  return "not applicable";
}

Verdict worst(const std::vector<Finding>& findings) {
  Verdict worst = Verdict::ok;
  for (const Finding& finding : findings) {
    if (finding.result.verdict == Verdict::fail) return Verdict::fail;
    if (finding.result.verdict == Verdict::warn) worst = Verdict::warn;
  }
  return worst;
}

}  // namespace llmrun
