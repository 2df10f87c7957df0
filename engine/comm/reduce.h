#pragma once
#include <cstddef>
#include <span>

#include "engine/comm/call.h"

namespace llmrun {

/// outputs[k][i] = inputs[0][i] + inputs[1][i] + ... (or their maximum), always in this order, for every k: all ranks get the same bits,
/// and so do two runs. bfloat16 and float16 are summed in fp32 and rounded once. An output may be one of the inputs. NaN wins a maximum.
void reduce_in_rank_order(Element element, Reduce how, std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs,
                          int64_t count);

}  // namespace llmrun
