#pragma once
#include <memory>

#include "engine/comm/communicator.h"
#include "engine/core/layout.h"

namespace llmrun {

/// A rank's coordinates and one communicator for every axis, split from the world once, in one order, and warmed up. An axis of one
/// rank has a communicator of size 1, whose calls are copies at most and are not counted: callers need no special case.
class Mesh {
 public:
  /// Collective over the world. REQUIRES world->size() == layout.ranks(). kv_heads tells which tensor ranks hold copies of the same KV
  /// heads; shard_ranks (core/parameters.h) how many ranks divide a unit's shards.
  Mesh(std::shared_ptr<Communicator> world, const Layout& layout, int64_t kv_heads, int64_t shard_ranks = 1);

  const Layout& layout() const { return layout_; }
  const Coordinates& where() const { return where_; }
  int64_t rank() const { return world_->rank(); }
  bool first_stage() const { return where_.pipeline == 0; }
  bool last_stage() const { return where_.pipeline == layout_.pipeline - 1; }

  Communicator& world() const { return *world_; }  // control
  Communicator& tensor() const { return *tensor_; }
  Communicator& sequence() const { return *sequence_; }
  Communicator& context() const { return *context_; }
  Communicator& data() const { return *data_; }
  Communicator& pipeline() const { return *pipeline_; }
  /// The ranks that hold the same parameters and see other tokens are shards() x replicas(): consecutive ones divide a unit's shards
  /// between them, and those at the same place in other such groups hold the same shard. Under ZeRO 0 all are replicas. Both count as data.
  Communicator& shards() const { return *shards_; }
  Communicator& replicas() const { return *replicas_; }
  /// The first and the last stage, for tied embeddings; on other stages, and with one stage, a group of one. Counts as pipeline.
  Communicator& tied() const { return *tied_; }
  /// The tensor ranks that hold copies of the same KV heads, where the axis does not divide them; else a group of one. Counts as tensor.
  Communicator& kv_copies() const { return *kv_copies_; }

  const Traffic& traffic() const { return *world_->traffic(); }
  /// Frees every call this rank may be stuck in. Any thread.
  void abort() noexcept;

 private:
  Layout layout_;
  Coordinates where_;
  std::shared_ptr<Communicator> world_;
  std::unique_ptr<Communicator> tensor_, sequence_, context_, data_, pipeline_, shards_, replicas_, tied_, kv_copies_;
};

}  // namespace llmrun
