#pragma once
#include "launcher/plan/make_plan.h"

namespace llmrun {

/// Throws Error(Exit::preflight) where the ranks would compute on GPUs that the trainer has no backend for. Everything up to the start,
/// and `launch`, works on such machines.
void check_backend(const PlanInput& input);

}  // namespace llmrun
