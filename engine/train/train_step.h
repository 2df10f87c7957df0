#pragma once
#include "engine/core/lr_schedule.h"
#include "engine/core/plan.h"
#include "engine/data/batches.h"
#include "engine/model/model.h"
#include "engine/train/progress.h"

namespace llmrun {

/// Why a rank wants the run to stop after this step. What outweighs stands below.
enum class StopWish {
  none,
  walltime,  // its time is nearly over: the next job goes on
  signal,    // somebody asked
};

/// What every rank knows after a step, the same on each.
struct StepResult {
  double loss = 0;       // mean over the tokens of the global batch, before the update
  double grad_norm = 0;  // before clipping; not finite on a step that was skipped
  std::optional<double> loss_scale;
  bool skipped = false;            // a gradient overflowed fp16: the weights are as they were
  int64_t tokens = 0;              // of the global batch
  StopWish stop = StopWish::none;  // the strongest wish of any rank
  double data_time_s = 0;          // this rank: reading samples
  StageCounts counts;              // this rank
};

/// One optimizer step: the schedule over this data rank's micro-batches, the gradient reductions, one exchange of scalars, clipping, AdamW.
/// Takes the next global_batch samples and moves `progress` on. Collective over the mesh.
/// A loss or norm that is not finite is an Error(Exit::numerics) on every rank, before the weights change; in fp16 a norm that is not
/// skips the update on every rank, as long as there is a smaller loss scale to try.
StepResult train_step(Model& model, const Mesh& mesh, const TrainingData& data, const Plan& plan, Progress& progress,
                      StopWish wish = StopWish::none);

LrPlan lr_plan(const Plan& plan);

/// The first sample of micro-batch `index` of this data rank's share of a batch that begins at sample 0.
int64_t sample_of(const Plan& plan, const Mesh& mesh, int64_t index);

/// Reads micro-batch `index` of a data rank's share of the batch that begins at sample `first`.
MicroBatch read_micro_batch(const TrainingData& data, const Plan& plan, const Mesh& mesh, int64_t first, int64_t index, at::Device device);

}  // namespace llmrun
