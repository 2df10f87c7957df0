#pragma once
#include "engine/comm/mesh.h"
#include "engine/ops/attention.h"
#include "engine/parallel/head_exchange.h"
#include "engine/parallel/micro_batch.h"
#include "engine/parallel/saved.h"

namespace llmrun {

/// Attention of a block on any mesh: its heads are already cut over the tensor axis, its tokens over sequence and context. The Ulysses
/// exchange outside, ring attention inside; both together are USP (Fang and Zhao 2024). With one rank on both axes it is the kernel alone.
class AttentionCore {
 public:
  /// `heads` and `kv_heads` of this tensor rank. The mesh outlives it.
  AttentionCore(const Mesh& mesh, int64_t heads, int64_t kv_heads, int64_t head_dim, AttentionKind kind);

  /// qkv: [tokens, (heads + 2 kv_heads) head_dim], columns queries, keys, values. Returns [tokens, heads head_dim], which is kept as
  /// Slot::attention_out.
  at::Tensor forward(at::Tensor qkv, const MicroBatch& batch, Saved& saved) const;
  /// Lets go of all but qkv, and makes it again.
  void release(Saved& saved) const;
  void restore(const MicroBatch& batch, Saved& saved) const;
  /// Returns dqkv. Leaves Slot::attention_out, for the weights of what follows.
  at::Tensor backward(const at::Tensor& dout, const MicroBatch& batch, Saved& saved) const;

 private:
  Communicator& context_;
  HeadExchange exchange_;
  int64_t head_dim_;
  AttentionKind kind_;
};

}  // namespace llmrun
