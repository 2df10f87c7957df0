#pragma once
#include <optional>
#include <string>

namespace llmrun {

/// Fault injection for tests: LLMRUN_FAULT=kill9@rank=2,step=7,section=checkpoint kills that rank, by SIGKILL, as it enters that section
/// (default: step) of that step. One fault a process; absent in every real run.
struct Fault {
  int rank = 0;
  int64_t step = 0;
  std::string section = "step";
};

/// Throws Error(Exit::usage) where the variable is there and cannot be read.
std::optional<Fault> fault_from_environment();

/// Strikes when this is the place.
void maybe_fail(const std::optional<Fault>& fault, int64_t rank, const char* section, int64_t step);

}  // namespace llmrun
