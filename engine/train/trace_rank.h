#pragma once
#include "engine/core/plan.h"
#include "engine/core/rank_trace.h"

namespace llmrun {

/// Makes a step of this rank without data and without the others: the trainer itself, on tensors that have sizes and no memory (LibTorch's
/// meta device) and in a world that counts (comm/counting.h). The operators are those that a GPU is asked for, whatever plan.device says.
/// Seconds, whatever the model's size and the number of ranks. REQUIRES 0 <= rank < plan.ranks(). One at a time in a process.
RankTrace trace_rank(const Plan& plan, int64_t rank);

}  // namespace llmrun
