#pragma once
#include "engine/core/plan.h"
#include "engine/data/batches.h"
#include "engine/model/model.h"

namespace llmrun {

/// Mean loss per token over the first `samples` samples of `data`, each counted once in any layout: where they do not fill the last
/// micro-batches, the rest of those counts nothing. Without dropout. Collective over the mesh; the same on every rank. Leaves gradients
/// alone.
double evaluate(Model& model, const Mesh& mesh, const TrainingData& data, const Plan& plan, int64_t samples);

}  // namespace llmrun
