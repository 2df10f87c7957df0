#pragma once
#include <string_view>

#include "engine/core/spec/config.h"

namespace llmrun {

/// The dense peak of a GPU by its driver's name, TFLOP/s; 0 where it is not known. A machine profile says it for a run
/// (machine.node.peak_tflops); this is for `bench step`, which has no profile.
double gpu_peak_tflops(std::string_view name, Precision precision);

}  // namespace llmrun
