#pragma once
#include <memory>
#include <vector>

#include "engine/model/embedding.h"
#include "engine/model/head.h"
#include "engine/model/unit_context.h"
#include "engine/parallel/pipeline_runner.h"
#include "engine/parallel/sharded_state.h"

namespace llmrun {

/// Of activations and of the parameters as the products read them.
at::ScalarType compute_dtype(Precision precision);

/// What shapes a model on a rank beside the mesh.
struct ModelOptions {
  ModelShape shape;
  ParallelConfig parallel;  // of mesh.layout()
  AttentionKind attention = AttentionKind::automatic;
  Precision precision = Precision::fp32;  // fp32, bf16 or fp16
  uint64_t seed = 0;                      // of dropout
  int64_t micro_batch = 1;
  int64_t seq_len = 1;
  at::Device device = at::kCPU;
};

/// This rank's stage: its units, their buffers and optimizer state. The mesh outlives it.
class Model {
 public:
  Model(const ModelOptions& options, const Mesh& mesh);
  Model(const Model&) = delete;

  Stage& stage() { return stage_; }
  std::vector<ShardedState>& states() { return states_; }  // one a unit, in running order
  const ModelShape& shape() const { return context_.shape; }
  Embedding* embedding() { return embedding_; }  // on the stage of the first part, else null
  Head* head() { return head_; }                 // on the stage of the last part, else null

  /// Forward for training, or for evaluation: no dropout, a loss without gradients.
  void set_training(bool training) { context_.training = training; }
  /// Sums every gradient that is shared: the tied embedding's two copies, then each unit's over the ranks that hold it.
  void reduce_gradients();
  /// Brings master weights that were initialised or loaded into the parameters everywhere.
  void publish();
  void zero_gradients();

 private:
  void reduce_tied();
  UnitContext context_;
  Stage stage_;
  std::vector<ShardedState> states_;
  Embedding* embedding_ = nullptr;
  Head* head_ = nullptr;
};

}  // namespace llmrun
