#pragma once
#include "engine/core/plan.h"
#include "engine/data/batches.h"
#include "engine/model/model.h"

namespace llmrun {

/// Mean loss per token over the first `samples` samples of `data` (rounded up to whole micro-batches on every data rank; the last ones may
/// wrap to the start). Collective over the mesh; the same on every rank. Leaves gradients alone.
double evaluate(Model& model, const Mesh& mesh, const TrainingData& data, const Plan& plan, int64_t samples);

}  // namespace llmrun
