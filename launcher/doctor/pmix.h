#pragma once
#include <string>

#include "launcher/doctor/check.h"

namespace llmrun {

/// What to think of a PMIx by its version ("OpenPMIx 4.2.2"): CVE-2023-41915 stands in those before 4.2.6, and in 5.0.0. `debian`: what the
/// distribution calls its build of it, which mends without changing the number; empty: not known.
Result judge_pmix(const std::string& version, const std::string& debian);

}  // namespace llmrun
